import { spawnSync } from "node:child_process";
import { rootFolder } from "./image/root-folder.mjs";
import { SetupFailed } from "./setup/failure.mjs";
import { profiles } from "./setup/profiles.mjs";
import { say } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";
import { inTree } from "./setup/tree.mjs";

const DEADLINE_MS = 20 * 60_000;

// Boots the image's root file system in systemd-nspawn and tests the real units in it: npm run test:nspawn [-- part of a test's name].
try {
  await runSteps(profiles["nspawn"] ?? []);
  const root = await rootFolder();
  const vitest = inTree("node_modules/vitest/vitest.mjs");
  // One machine at a time: two cores must bear the boot that is timed.
  const args = [
    vitest,
    "run",
    "--no-file-parallelism",
    ...(process.argv.length > 2 ? process.argv.slice(2) : ["test/nspawn"]),
  ];
  const { status } = spawnSync(process.execPath, args, {
    cwd: inTree(),
    env: { ...process.env, BUILDER_AGENT_NSPAWN_ROOT: root },
    stdio: "inherit",
    timeout: DEADLINE_MS,
  });
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  say(error.report());
  process.exitCode = error.exitCode;
}
