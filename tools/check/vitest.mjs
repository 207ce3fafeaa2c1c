import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTree, readIfThere } from "../setup/tree.mjs";
import { setUp } from "./set-up.mjs";
import { failed } from "./summary.mjs";

// Short of the time that CI gives, so that the counts are still printed.
const DEADLINE_MS = 75 * 60_000;

/** Runs the tests, with vitest's own output as it comes. @param {readonly string[]} filters @returns {Promise<import("./summary.mjs").Outcome>} */
export async function vitest(filters) {
  const ready = await setUp("test");
  if (failed(ready)) return { ...ready, name: "vitest" };
  const folder = mkdtempSync(join(tmpdir(), "builder-agent-tests-"));
  const startedMs = performance.now();
  try {
    const tally = join(folder, "tally.json");
    const { status } = spawnSync(process.execPath, [inTree("node_modules/vitest/vitest.mjs"), "run", ...filters], {
      cwd: inTree(),
      env: { ...process.env, BUILDER_AGENT_TALLY: tally },
      stdio: "inherit",
      timeout: DEADLINE_MS,
    });
    const counts = parse(readIfThere(tally) || '{ "passed": 0, "failed": 0, "skipped": [] }');
    // What vitest refuses outside any test (no test found, an unhandled rejection) must not pass as "0 failed".
    const failures = status === 0 ? counts.failed : Math.max(counts.failed, 1);
    return { name: "vitest", ...counts, failed: failures, tookMs: performance.now() - startedMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @type {(json: string) => import("./tally-reporter.mjs").Tally} */
const parse = JSON.parse;
