import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTree, readIfThere } from "../setup/tree.mjs";
import { setUp } from "./set-up.mjs";
import { failed } from "./summary.mjs";

/**
 * @typedef {object} VitestRun
 * @property {string} name Of the check, in the summary.
 * @property {string} profile What the machine must have: of tools/setup.
 * @property {readonly string[]} args Vitest's own, after `run`.
 * @property {NodeJS.ProcessEnv} [env] Added to ours.
 * @property {string} [node] Another Node than this one.
 * @property {number} deadlineMs
 */

/** Runs tests, with vitest's own output as it comes. @param {VitestRun} run @returns {Promise<import("./summary.mjs").Outcome>} */
export async function runVitest({ name, profile, args, env, node = process.execPath, deadlineMs }) {
  const ready = await setUp(profile);
  if (failed(ready)) return { ...ready, name };
  const folder = mkdtempSync(join(tmpdir(), "builder-agent-tests-"));
  const startedMs = performance.now();
  try {
    const tally = join(folder, "tally.json");
    const { status } = spawnSync(node, [inTree("node_modules/vitest/vitest.mjs"), "run", ...args], {
      cwd: inTree(),
      env: { ...process.env, ...env, BUILDER_AGENT_TALLY: tally },
      stdio: "inherit",
      timeout: deadlineMs,
    });
    const counts = parse(readIfThere(tally) || '{ "passed": 0, "failures": [], "skipped": [] }');
    // What vitest refuses outside any test (no test found, an unhandled rejection) must not pass as "0 failed".
    if (status !== 0 && counts.failures.length === 0)
      counts.failures.push({ name: "vitest", reason: `exit code ${status}, though no test failed: see its output` });
    return { name, ...counts, failed: counts.failures.length, tookMs: performance.now() - startedMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @type {(json: string) => import("./tally-reporter.mjs").Tally} */
const parse = JSON.parse;
