import { randomInt } from "node:crypto";
import { inTree, readIfThere } from "../setup/tree.mjs";
import { runLimited } from "./limited-child.mjs";
import { slowness } from "./slowness.mjs";

const MINUTES = 2;
const SEEDS = 2 ** 31;
const BROKEN = 1;

/**
 * @typedef {object} SeededRun
 * @property {number} roomMs What it takes beside its two minutes, on a quiet machine: compiling,
 * the end of what has begun, shrinking what it found.
 * @property {readonly string[]} [options] More of its options.
 * @property {readonly string[]} [command] Instead of package.json's script.
 * @property {boolean} [isTriedAgain] What a real machine does by a seed is not the same each time:
 * a run that found something is repeated once, and what was found is told either way.
 */

/**
 * `npm run NAME -- --minutes 2 --seed S`, with a seed that nobody chose: the summary has it, and
 * the last line that was said.
 * @param {string} name Of the check, and of package.json's script. @param {SeededRun} run
 * @returns {Promise<import("./summary.mjs").Outcome>}
 */
export async function seededRun(name, { roomMs, options = [], command, isTriedAgain = false }) {
  const startedMs = performance.now();
  if (!command && !new RegExp(`"${name}":`).test(readIfThere(inTree("package.json"))))
    return { name, passed: 0, failed: 0, skipped: [{ name, reason: "package.json has no such script" }], tookMs: 0 };
  const seed = randomInt(SEEDS);
  const slow = await slowness();
  const once = () =>
    runOnce({
      command: [...(command ?? ["npm", "run", "--silent", name, "--"]), "--minutes", `${MINUTES}`, "--seed", `${seed}`],
      options,
      slow,
      limitMs: MINUTES * 60_000 + roomMs * slow,
    });
  const first = await once();
  const last = isTriedAgain && first.code === BROKEN && !first.cutBy ? await once() : first;
  const ok = last.code === 0 && !last.cutBy;
  const found = (/** @type {Ran} */ ran) => ({ name: `npm run ${name} -- --seed ${seed}`, reason: inWords(ran) });
  return {
    name,
    passed: ok ? 1 : 0,
    failed: ok ? 0 : 1,
    failures: ok ? [] : [found(last)],
    atSecondTry: ok && last !== first ? [found(first)] : [],
    skipped: [],
    on: `seed ${seed}: ${lastLine(last)}`,
    tookMs: performance.now() - startedMs,
  };
}

/** @typedef {{ code: number | null, cutBy: string | undefined, said: string }} Ran */

/**
 * @param {object} by @param {readonly string[]} by.command @param {readonly string[]} by.options
 * @param {number} by.slow @param {number} by.limitMs @returns {Promise<Ran>}
 */
async function runOnce({ command: [program = "", ...args], options, slow, limitMs }) {
  let said = "";
  const { code, cutBy } = await runLimited({
    command: program,
    args: [...args, ...options],
    cwd: inTree(),
    env: { ...process.env, BUILDER_AGENT_SLOWNESS: `${slow}` },
    limitMs,
    onOutput: (chunk) => (said = (said + chunk).slice(-4096)),
  });
  return { code, cutBy, said };
}

/** @param {Ran} ran */
function inWords(ran) {
  const ended = ran.cutBy ? `ended by its ${ran.cutBy}` : `exit code ${ran.code}`;
  const broken = ran.said.split("\n").filter((line) => /BROKEN: |^the same days again: /.test(line));
  return [ended, ...broken.map((line) => line.trim()), lastLine(ran)].join("; ");
}

/** @param {Ran} ran */
const lastLine = ({ said }) => said.trimEnd().split("\n").at(-1) || "it said nothing";
