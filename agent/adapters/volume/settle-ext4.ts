import { AgentError } from "../../core/errors.ts";
import type { FilesystemCheck } from "../../core/volume/order.ts";
import { LEAST_GROWTH_BYTES } from "../../core/volume/sizes.ts";
import {
  checkExt4Whole,
  describeExt4,
  type Ext4Facts,
  growExt4,
  isSound,
  preenExt4,
  readExt4,
  repairExt4,
} from "./ext4.ts";
import type { Settled } from "./settled.ts";
import type { Steps } from "./steps.ts";
import { sizeOf } from "./sysfs.ts";
import type { VolumeHost } from "./volume-host.ts";

export async function settleExt4(
  host: VolumeHost,
  steps: Steps,
  signal: AbortSignal,
): Promise<Settled | "beyond-repair"> {
  const check = await steps.take("check", () => checkExt4(host, signal));
  if (check === "beyond-repair") return check;
  return { check, grownBytes: await growIfWorthwhile(host, steps, signal) };
}

async function checkExt4(host: VolumeHost, signal: AbortSignal): Promise<FilesystemCheck | "beyond-repair"> {
  const { path } = host.mappings;
  if ((await describe(host, signal))?.inOrder === true) return "not-needed";
  try {
    const preened = (await host.run(preenExt4(path), signal)).code;
    if (isSound(preened)) return preened === 0 ? "clean" : "repaired";
    const repaired = (await host.run(repairExt4(path), signal)).code;
    if (!isSound(repaired)) return "beyond-repair";
  } catch (failure) {
    // Longer than it is worth.
    if (failure instanceof AgentError && failure.code === "cache.tool-deadline") return "beyond-repair";
    throw failure;
  }
  // What it took to repair it may have cost its journal: the next power cut would cost all.
  return (await describe(host, signal))?.hasJournal === true ? "repaired" : "beyond-repair";
}

/** Gives the bytes gained. */
async function growIfWorthwhile(host: VolumeHost, steps: Steps, signal: AbortSignal): Promise<number> {
  const { path } = host.mappings;
  const before = (await describe(host, signal))?.sizeBytes ?? 0;
  if ((await sizeOf(path)) - before < LEAST_GROWTH_BYTES) return 0;
  return steps.take("grow", async () => {
    await host.run(checkExt4Whole(path), signal);
    await host.run(growExt4(path), signal);
    return ((await describe(host, signal))?.sizeBytes ?? before) - before;
  });
}

async function describe(host: VolumeHost, signal: AbortSignal): Promise<Ext4Facts | undefined> {
  const { code, stdout } = await host.run(describeExt4(host.mappings.path), signal);
  return code === 0 ? readExt4(stdout) : undefined;
}
