import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTree } from "../setup/tree.mjs";
import { declaredPath } from "./declared-path.mjs";
import { interrupted } from "./interruption.mjs";
import { runLimited } from "./limited-child.mjs";
import { afterSecondTry, filesToTryAgain } from "./second-try.mjs";
import { setUp } from "./set-up.mjs";
import { slowness } from "./slowness.mjs";
import { failed } from "./summary.mjs";
import { outcomeOf, readTally } from "./tally.mjs";

/**
 * @typedef {object} VitestRun
 * @property {string} name Of the check, in the summary.
 * @property {string} profile What the machine must have: of tools/setup.
 * @property {readonly string[]} [also] Further profiles, which are set up already, whose programs
 * the tests run.
 * @property {readonly string[]} [flags] Vitest's own, after `run`.
 * @property {readonly string[]} filters Parts of the names of files; none means all.
 * @property {NodeJS.ProcessEnv} [env] Added to ours.
 * @property {string} [node] Another Node than this one.
 * @property {string} [on] What it ran on, for the summary.
 * @property {number} quietLimitMs What a quiet two-core machine would never take; a slower one gets
 * as many times more as it is slower.
 */

/**
 * Runs tests, with vitest's own output as it comes; a few that fail once more, by themselves
 * (docs/decisions/0042). @param {VitestRun} run @returns
 * {Promise<import("./summary.mjs").Outcome>}
 */
export async function runVitest(run) {
  const { name, profile, on = "", filters } = run;
  const ready = await setUp(profile);
  if (failed(ready)) return { ...ready, name };
  const startedMs = performance.now();
  const first = await runOnce(run, filters);
  const again = filesToTryAgain(first.failures);
  const outcome = again.length === 0 ? first : afterSecondTry(first, await runOnce(run, again));
  return { ...outcome, on, tookMs: performance.now() - startedMs };
}

/** @param {VitestRun} run @param {readonly string[]} filters */
async function runOnce({ name, profile, also = [], flags = [], env, node = process.execPath, quietLimitMs }, filters) {
  const folder = mkdtempSync(join(tmpdir(), "builder-agent-tests-"));
  const times = await slowness();
  const limitMs = quietLimitMs * times;
  const path = await declaredPath([profile, ...also], node);
  try {
    const tally = join(folder, "tally.json");
    const end = await runLimited({
      command: node,
      args: [inTree("node_modules/vitest/vitest.mjs"), "run", ...flags, ...filters],
      cwd: inTree(),
      env: { ...process.env, ...env, PATH: path, BUILDER_AGENT_TALLY: tally, BUILDER_AGENT_SLOWNESS: `${times}` },
      limitMs,
    });
    const why =
      end.cutBy === "signal" ? String(interrupted.reason) : ` (this machine is ${times} times as slow as a quiet one)`;
    return outcomeOf(name, readTally(tally), { ...end, limitMs, why });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
