import { execFile } from "node:child_process";
import { setMaxListeners } from "node:events";
import { promisify } from "node:util";
import { Deadline } from "../../sandbox/deadline.ts";
import { Machine } from "../../test/nspawn/stage/machine.ts";
import { ROOT_VARIABLE } from "../../test/nspawn/stage/machine-root.ts";
import { BenchFailed } from "../failure.ts";
import { say } from "../output.ts";
import { packageDir } from "../process/toolchain.ts";
import { takeBoots } from "./boot/boots.ts";
import { openBuilds } from "./open/open-builds.ts";
import type { StartOptions } from "./options.ts";
import type { StartResult } from "./result.ts";
import { formatVolumes } from "./volume/format-volumes.ts";

/** The package's own. */
const NODE = "/usr/lib/builder-agent/node/bin/node";
/** Beside the boots: a machine, builds, volumes. */
const LIMIT_MS = 300_000;
const BOOT_LIMIT_MS = 30_000;
/** The first time a root file system and a package are made. */
const PREPARE_MS = 20 * 60_000;

/**
 * A machine with the real units and the installed package, under systemd in a container, from off
 * to ready again and again. Nothing of it is left when this returns or throws. @throws
 * {BenchFailed}
 */
export async function benchStart(options: StartOptions, outer: AbortSignal): Promise<StartResult> {
  if (process.getuid?.() !== 0) throw new BenchFailed("A machine under systemd takes root.");
  const needsMachine = options.parts.has("boot") || options.parts.has("open");
  if (needsMachine) process.env[ROOT_VARIABLE] ??= await prepared(outer);
  const startedMs = performance.now();
  const startedAt = new Date().toISOString();
  const limitMs = LIMIT_MS + options.boots * BOOT_LIMIT_MS;
  using deadline = new Deadline(limitMs, outer);
  // Many builds wait with it at a time.
  setMaxListeners(0, deadline.signal);
  try {
    const measured = { ...(needsMachine && (await onMachine(options, deadline.signal))) };
    const volumes = options.parts.has("volume") ? { volumes: await formatVolumes(deadline.signal) } : {};
    return { schemaVersion: 1, startedAt, seconds: (performance.now() - startedMs) / 1_000, ...measured, ...volumes };
  } catch (cause) {
    if (outer.aborted || !deadline.hasExpired) throw cause;
    throw new BenchFailed(`The bench was not over after ${limitMs / 1_000} s: take fewer boots.`, { cause });
  }
}

async function onMachine(
  { parts, boots }: StartOptions,
  signal: AbortSignal,
): Promise<Pick<StartResult, "boots" | "opened" | "machineNode">> {
  await using machine = await Machine.up({ isOn: false });
  const taken = await takeBoots(machine, parts.has("boot") ? boots : 0, signal);
  const machineNode = (await machine.container.run(NODE, ["--version"])).trim().replace(/^v/, "");
  return {
    machineNode,
    ...(parts.has("boot") && { boots: taken }),
    ...(parts.has("open") && { opened: await openBuilds(machine, signal) }),
  };
}

/** The package of this tree, installed in a root file system of the image's. */
async function prepared(signal: AbortSignal): Promise<string> {
  say("the package is made and installed, unless it was before");
  const run = (file: string, name: string) =>
    promisify(execFile)(process.execPath, [file, name], { cwd: packageDir, signal, timeout: PREPARE_MS });
  try {
    await run("tools/setup.mjs", "nspawn");
    const { stdout } = await run("tools/image.mjs", "root");
    return stdout.trim();
  } catch (cause) {
    throw new BenchFailed("There is no machine to boot: node tools/image.mjs root says why.", { cause });
  }
}
