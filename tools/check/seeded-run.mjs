import { randomInt } from "node:crypto";
import { inTree, readIfThere } from "../setup/tree.mjs";
import { runLimited } from "./limited-child.mjs";
import { slowness } from "./slowness.mjs";

const MINUTES = 2;
const SEEDS = 2 ** 31;

/**
 * @typedef {object} SeededRun
 * @property {number} roomMs What it takes beside its two minutes, on a quiet machine: compiling,
 * the end of what has begun, shrinking what it found.
 * @property {readonly string[]} [options] More of its options.
 */

/**
 * `npm run NAME -- --minutes 2 --seed S`, with a seed that nobody chose: the summary has it, and
 * the last line that was said.
 * @param {string} name Of the check, and of package.json's script. @param {SeededRun} run
 * @returns {Promise<import("./summary.mjs").Outcome>}
 */
export async function seededRun(name, { roomMs, options = [] }) {
  const startedMs = performance.now();
  if (!new RegExp(`"${name}":`).test(readIfThere(inTree("package.json"))))
    return { name, passed: 0, failed: 0, skipped: [{ name, reason: "package.json has no such script" }], tookMs: 0 };
  const seed = randomInt(SEEDS);
  let said = "";
  const slow = await slowness();
  const { code, cutBy } = await runLimited({
    command: "npm",
    args: ["run", "--silent", name, "--", "--minutes", `${MINUTES}`, "--seed", `${seed}`, ...options],
    cwd: inTree(),
    env: { ...process.env, BUILDER_AGENT_SLOWNESS: `${slow}` },
    limitMs: MINUTES * 60_000 + roomMs * slow,
    onOutput: (chunk) => (said = (said + chunk).slice(-4096)),
  });
  const last = said.trimEnd().split("\n").at(-1) || "it said nothing";
  const ok = code === 0 && !cutBy;
  const ended = cutBy ? `ended by its ${cutBy}` : `exit code ${code}`;
  return {
    name,
    passed: ok ? 1 : 0,
    failed: ok ? 0 : 1,
    failures: ok ? [] : [{ name: `npm run ${name} -- --seed ${seed}`, reason: `${ended}: ${last}` }],
    skipped: [],
    on: `seed ${seed}: ${last}`,
    tookMs: performance.now() - startedMs,
  };
}
