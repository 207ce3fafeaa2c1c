import { randomInt } from "node:crypto";
import { inTree, readIfThere } from "../setup/tree.mjs";
import { runLimited } from "./limited-child.mjs";
import { slowness } from "./slowness.mjs";

const MINUTES = 2;
/** Compiling, the last day to its end, and shrinking what it found. */
const ROOM_MS = 6 * 60_000;
const SEEDS = 2 ** 31;

/**
 * The control process simulated for two minutes, with a seed that nobody chose. @returns
 * {Promise<import("./summary.mjs").Outcome>}
 */
export async function simulate() {
  const name = "simulate";
  const startedMs = performance.now();
  if (!/"simulate":/.test(readIfThere(inTree("package.json"))))
    return { name, passed: 0, failed: 0, skipped: [{ name, reason: "package.json has no such script" }], tookMs: 0 };
  const seed = randomInt(SEEDS);
  let said = "";
  const limitMs = MINUTES * 60_000 + ROOM_MS * (await slowness());
  const { code, cutBy } = await runLimited({
    command: "npm",
    args: ["run", "--silent", "simulate", "--", "--minutes", `${MINUTES}`, "--seed", `${seed}`],
    cwd: inTree(),
    env: process.env,
    limitMs,
    onOutput: (chunk) => (said = (said + chunk).slice(-4096)),
  });
  const last = said.trimEnd().split("\n").at(-1) || "it said nothing";
  const ok = code === 0 && !cutBy;
  const ended = cutBy ? `ended by its ${cutBy}` : `exit code ${code}`;
  return {
    name,
    passed: ok ? 1 : 0,
    failed: ok ? 0 : 1,
    failures: ok ? [] : [{ name: `npm run simulate -- --seed ${seed}`, reason: `${ended}: ${last}` }],
    skipped: [],
    on: `seed ${seed}: ${last}`,
    tookMs: performance.now() - startedMs,
  };
}
