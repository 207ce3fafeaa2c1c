import { join } from "node:path";
import { bake } from "../image/bake/bake.mjs";
import { earlierPackage } from "../image/earlier-package.mjs";
import { rootFolder } from "../image/root-folder.mjs";
import { SetupFailed } from "../setup/failure.mjs";
import { node24 as pinnedNode } from "../setup/node24.mjs";
import { profiles } from "../setup/profiles.mjs";
import { runSteps } from "../setup/step.mjs";
import { runVitest } from "./run-vitest.mjs";
import { step } from "./step.mjs";

const MINUTES = 60_000;
/** What is enough to know that an image works. */
const FIRST_JOURNEY_ONLY = ["--testNamePattern", "^first:"];
const FIRST_JOURNEY_FILE = "a-machine-boots-to-ready";

/** @typedef {(filters: readonly string[]) => Promise<import("./summary.mjs").Outcome>} Tier */

/** The everyday tests, all of them, once, on the Node that the image carries. @type {Tier} */
export const vitest = (filters) => everydayTests("vitest", filters, 30 * MINUTES);

/** The 10,000 certificates, of which the everyday tests take a tenth. @type {Tier} */
export const certificates = () =>
  everydayTests("certificates", ["test/gateway/of-thousands"], 20 * MINUTES, { BUILDER_AGENT_CERTIFICATES: "10000" });

/** The 100,000 mutated sessions, of which the everyday tests take three thousand. @type {Tier} */
export const frames = () =>
  everydayTests("frames", ["test/gateway/what-is-passed"], 30 * MINUTES, { BUILDER_AGENT_FRAMES: "100000" });

/** The 10,000 sequences of calls to BuildKit, of which the everyday tests take 800. @type {Tier} */
export const calls = () =>
  everydayTests("calls", ["test/journeys/of-thousands"], 20 * MINUTES, { BUILDER_AGENT_CALLS: "10000" });

/** The 10,000 mutations of evidence, of which the everyday tests take 600. @type {Tier} */
export const evidence = () =>
  everydayTests("evidence", ["test/verifier/no-mutation"], 20 * MINUTES, { BUILDER_AGENT_MUTATIONS: "10000" });

/** 10,000 inputs for each reader of others' words; the everyday tests take 200. @type {Tier} */
export const parsers = () =>
  everydayTests("parsers", ["test/parsers/every-reader"], 20 * MINUTES, { BUILDER_AGENT_PARSER_CASES: "10000" });

/** Everything that a control plane may do, for ten seconds each; every day in turn. @type {Tier} */
export const hostile = () =>
  everydayTests("hostile", ["test/journeys/hostile"], 30 * MINUTES, { BUILDER_AGENT_HOSTILE_SECONDS: "10" });

/** 200 endings of debug terminals; the everyday tests take one of each kind. @type {Tier} */
export const terminals = () =>
  everydayTests("terminals", ["test/debug/nothing-is-left"], 30 * MINUTES, { BUILDER_AGENT_TERMINAL_ENDINGS: "200" });

/**
 * 20 machines that end within a notice of 30 s, and 20 builds for each reason to take none; the
 * everyday tests take two. @type {Tier}
 */
export const endings = (filters) =>
  everydayTests(
    "endings",
    filters.length > 0 ? filters : ["test/journeys/an-ending-keeps-its-time", "test/journeys/a-machine-that-takes-no"],
    20 * MINUTES,
    { BUILDER_AGENT_ENDINGS: "20" },
    // A refusal is timed on a machine that has nothing else to do.
    ["--no-file-parallelism"],
  );

/**
 * 20 machines that platforms end with a notice of 30 s, and what following them costs; every day it
 * is one. @type {Tier}
 */
export const notices = (filters) =>
  everydayTests(
    "notices",
    filters.length > 0 ? filters : ["test/journeys/a-platforms-notice", "test/notices/"],
    20 * MINUTES,
    { BUILDER_AGENT_NOTICES: "20" },
    // An idle machine is not idle beside others that build.
    ["--no-file-parallelism"],
  );

/**
 * A hundred SIGKILLs of control during builds, and of an idle gateway; the everyday tests send
 * three of each. Writes what it measured into the page of reliability. @type {Tier}
 */
export const recovery = (filters) =>
  everydayTests(
    "recovery",
    filters.length > 0 ? filters : ["test/journeys/recovery/a-hundred", "test/journeys/recovery/nobody-is-refused"],
    30 * MINUTES,
    { BUILDER_AGENT_KILLS: process.env["BUILDER_AGENT_KILLS"] || "100" },
    // An idle gateway is not idle beside builds.
    ["--no-file-parallelism"],
  );

/** 200 power cuts of two recorded disks; the everyday tests take three of one. @type {Tier} */
export const cuts = () =>
  everydayTests("cuts", ["test/power"], 60 * MINUTES, {
    BUILDER_AGENT_CUTS: process.env["BUILDER_AGENT_CUTS"] || "200",
  });

/** 50 replacements of the gateway under builds; the everyday tests take one or two. @type {Tier} */
export const replacements = () =>
  everydayTests("replacements", ["a-gateway-is-replaced"], 30 * MINUTES, { BUILDER_AGENT_REPLACEMENTS: "50" });

/** What depends on Node itself, on the Node that this command was given: the floor. @type {Tier} */
export const floor = async (filters) => {
  const name = "floor";
  const skipped = [{ name, reason: `this is Node ${process.versions.node}, as in the image: give it the oldest` }];
  if (process.versions.node === pinnedNode().version) return { name, passed: 0, failed: 0, skipped, tookMs: 0 };
  // A filter may name only tests that do not depend on Node.
  const flags = ["--config", "test/floor.vitest.config.ts", "--passWithNoTests"];
  const on = `Node ${process.versions.node}`;
  return runVitest({ name, profile: "test", flags, filters, on, quietLimitMs: 12 * MINUTES });
};

/** The status page in Debian's browser, judged by axe. @type {Tier} */
export const page = (filters) => {
  const flags = ["--config", "test/page/vitest.config.ts"];
  return runVitest({ name: "page", profile: "page", flags, filters, quietLimitMs: 5 * MINUTES });
};

/** Of the everyday tests those that have to do with tailnets. @type {Tier} */
export const tailnet = (filters) => everydayTests("tailnet", filters.length > 0 ? filters : ["tailnet"], 20 * MINUTES);

/**
 * The real units, in the image's root file system under systemd-nspawn, and a tailnet for them.
 * @type {Tier}
 */
export const nspawn = (filters) =>
  withPrepared("nspawn", async () => {
    await runSteps([...(profiles["nspawn"] ?? []), ...(profiles["tailnet"] ?? [])]);
    // "": this clone's history does not reach back to it, and its tests say so.
    const earlier = (await earlierPackage()) ?? "";
    const env = { BUILDER_AGENT_NSPAWN_ROOT: await rootFolder(), BUILDER_AGENT_EARLIER_PACKAGE: earlier };
    const flags = ["--config", "test/nspawn/vitest.config.ts"];
    const machines = { name: "nspawn", profile: "test", also: ["nspawn"], flags, env };
    return runVitest({ ...machines, filters, quietLimitMs: 20 * MINUTES });
  });

/**
 * What Packer makes of this tree, booted in a virtual machine. BUILDER_AGENT_VM_ACCELERATOR=kvm
 * makes it quick where KVM is whole; BUILDER_AGENT_VM_IMAGE names another image. @type {Tier}
 */
export const vm = (filters) => machines(filters, []);

/** @param {readonly string[]} filters @param {readonly string[]} more Flags. */
const machines = (filters, more) =>
  withPrepared("vm", async () => {
    await runSteps(profiles["vm"] ?? []);
    const image = process.env["BUILDER_AGENT_VM_IMAGE"] || join(await bake("tcg"), "image.qcow2");
    return runVitest({
      name: "vm",
      profile: "test",
      also: ["vm"],
      flags: ["--config", "test/vm/vitest.config.ts", ...more],
      filters,
      env: { BUILDER_AGENT_VM_IMAGE: image },
      quietLimitMs: 40 * MINUTES,
    });
  });

/** The image's short form: boot to ready and a real build. @type {Tier} */
export const vmFirst = () => machines([FIRST_JOURNEY_FILE], FIRST_JOURNEY_ONLY);

/**
 * On the image's Node. Children that tests start as `node` are of that version, too.
 * @param {string} name @param {readonly string[]} filters @param {number} quietLimitMs @param
 *   {NodeJS.ProcessEnv} [more] @param {readonly string[]} [flags]
 */
const everydayTests = (name, filters, quietLimitMs, more, flags = []) =>
  withPrepared(name, async () => {
    const pinned = pinnedNode();
    await runSteps([pinned.step]);
    const node = pinned.find();
    if (!node)
      throw new SetupFailed("Node 24 is missing though it was just installed: is there one for this processor?");
    const on = `Node ${pinned.version}`;
    return runVitest({ name, profile: "test", flags, filters, node, ...(more && { env: more }), on, quietLimitMs });
  });

/** @param {string} name @param {() => Promise<import("./summary.mjs").Outcome>} run */
async function withPrepared(name, run) {
  try {
    return await run();
  } catch (failure) {
    if (!(failure instanceof SetupFailed)) throw failure;
    return step(name, async () => failure.report());
  }
}
