import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bake } from "./image/bake/bake.mjs";
import { SetupFailed } from "./setup/failure.mjs";
import { profiles } from "./setup/profiles.mjs";
import { say } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";
import { inTree } from "./setup/tree.mjs";

const DEADLINE_MS = 40 * 60_000;
/** What is enough to know that an image works. */
const FIRST = ["a-machine-boots-to-ready", "--testNamePattern", "^first:"];

// Boots what Packer makes of this tree and tests it: npm run test:vm [-- --first | part of a journey's name]. On a machine whose KVM is whole,
// BUILDER_AGENT_VM_ACCELERATOR=kvm makes it quick; BUILDER_AGENT_VM_IMAGE names another image.
try {
  await runSteps(profiles["vm"] ?? []);
  const image = process.env["BUILDER_AGENT_VM_IMAGE"] || join(await bake("tcg"), "image.qcow2");
  const args = process.argv.slice(2).flatMap((argument) => (argument === "--first" ? FIRST : [argument]));
  const vitest = inTree("node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--config", "test/vm/vitest.config.ts", ...args], {
    cwd: inTree(),
    env: { ...process.env, BUILDER_AGENT_VM_IMAGE: image },
    stdio: "inherit",
    timeout: DEADLINE_MS,
  });
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  say(error.report());
  process.exitCode = error.exitCode;
}
