import { dirname, join } from "node:path";
import { bake } from "../image/bake/bake.mjs";
import { rootFolder } from "../image/root-folder.mjs";
import { SetupFailed } from "../setup/failure.mjs";
import { node24 as pinnedNode } from "../setup/node24.mjs";
import { profiles } from "../setup/profiles.mjs";
import { runSteps } from "../setup/step.mjs";
import { runVitest } from "./run-vitest.mjs";
import { step } from "./step.mjs";

const MINUTES = 60_000;
/** What is enough to know that an image works. */
const FIRST_JOURNEY = ["a-machine-boots-to-ready", "--testNamePattern", "^first:"];

/** @typedef {(filters: readonly string[]) => Promise<import("./summary.mjs").Outcome>} Tier */

/** The everyday tests. @type {Tier} */
export const vitest = (filters) =>
  runVitest({ name: "vitest", profile: "test", args: filters, deadlineMs: 35 * MINUTES });

/** The same on the Node that the image carries. Children that tests start as `node` are of that version, too. @type {Tier} */
export const node24 = (filters) =>
  withPrepared("node24", async () => {
    const pinned = pinnedNode();
    await runSteps([pinned.step]);
    const node = pinned.find();
    if (!node)
      throw new SetupFailed("Node 24 is missing though it was just installed: is there one for this processor?");
    const env = { PATH: `${dirname(node)}:${process.env["PATH"]}` };
    return runVitest({ name: "node24", profile: "test", args: filters, node, env, deadlineMs: 25 * MINUTES });
  });

/** Of the everyday tests those that have to do with tailnets. @type {Tier} */
export const tailnet = (filters) =>
  runVitest({
    name: "tailnet",
    profile: "test",
    args: filters.length > 0 ? filters : ["tailnet"],
    deadlineMs: 20 * MINUTES,
  });

/** The real units, in the image's root file system under systemd-nspawn, and a tailnet for them. @type {Tier} */
export const nspawn = (filters) =>
  withPrepared("nspawn", async () => {
    await runSteps([...(profiles["nspawn"] ?? []), ...(profiles["tailnet"] ?? [])]);
    const env = { BUILDER_AGENT_NSPAWN_ROOT: await rootFolder() };
    const args = ["--config", "test/nspawn/vitest.config.ts", ...filters];
    return runVitest({ name: "nspawn", profile: "test", args, env, deadlineMs: 20 * MINUTES });
  });

/**
 * What Packer makes of this tree, booted in a virtual machine. BUILDER_AGENT_VM_ACCELERATOR=kvm makes it quick where KVM is whole;
 * BUILDER_AGENT_VM_IMAGE names another image. @type {Tier}
 */
export const vm = (filters) =>
  withPrepared("vm", async () => {
    await runSteps(profiles["vm"] ?? []);
    const image = process.env["BUILDER_AGENT_VM_IMAGE"] || join(await bake("tcg"), "image.qcow2");
    const args = ["--config", "test/vm/vitest.config.ts", ...filters];
    return runVitest({
      name: "vm",
      profile: "test",
      args,
      env: { BUILDER_AGENT_VM_IMAGE: image },
      deadlineMs: 40 * MINUTES,
    });
  });

/** The image's short form: boot to ready and a real build. @type {Tier} */
export const vmFirst = () => vm(FIRST_JOURNEY);

/** @param {string} name @param {() => Promise<import("./summary.mjs").Outcome>} run */
async function withPrepared(name, run) {
  try {
    return await run();
  } catch (failure) {
    if (!(failure instanceof SetupFailed)) throw failure;
    return step(name, async () => failure.report());
  }
}
