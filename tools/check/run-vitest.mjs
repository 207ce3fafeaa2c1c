import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTree } from "../setup/tree.mjs";
import { declaredPath } from "./declared-path.mjs";
import { interrupted } from "./interruption.mjs";
import { runLimited } from "./limited-child.mjs";
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
 * @property {readonly string[]} args Vitest's own, after `run`.
 * @property {NodeJS.ProcessEnv} [env] Added to ours.
 * @property {string} [node] Another Node than this one.
 * @property {string} [on] What it ran on, for the summary.
 * @property {number} quietLimitMs What a quiet two-core machine would never take; a slower one gets
 * as many times more as it is slower.
 */

/**
 * Runs tests, with vitest's own output as it comes. @param {VitestRun} run @returns
 * {Promise<import("./summary.mjs").Outcome>}
 */
export async function runVitest({
  name,
  profile,
  also = [],
  args,
  env,
  node = process.execPath,
  on = "",
  quietLimitMs,
}) {
  const ready = await setUp(profile);
  if (failed(ready)) return { ...ready, name };
  const folder = mkdtempSync(join(tmpdir(), "builder-agent-tests-"));
  const times = await slowness();
  const limitMs = quietLimitMs * times;
  const path = await declaredPath([profile, ...also], node);
  const startedMs = performance.now();
  try {
    const tally = join(folder, "tally.json");
    const end = await runLimited({
      command: node,
      args: [inTree("node_modules/vitest/vitest.mjs"), "run", ...args],
      cwd: inTree(),
      env: { ...process.env, ...env, PATH: path, BUILDER_AGENT_TALLY: tally, BUILDER_AGENT_SLOWNESS: `${times}` },
      limitMs,
    });
    const why =
      end.cutBy === "signal" ? String(interrupted.reason) : ` (this machine is ${times} times as slow as a quiet one)`;
    const outcome = outcomeOf(name, readTally(tally), { ...end, limitMs, why });
    return { ...outcome, on, tookMs: performance.now() - startedMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
