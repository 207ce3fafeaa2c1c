import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import type { Settled } from "./settled.ts";
import type { Steps } from "./steps.ts";
import type { VolumeHost } from "./volume-host.ts";
import { growXfs, mountXfs, repairXfs, unmount, XFS_REPAIR } from "./xfs.ts";

const UNMOUNT_MS = 30_000;

/**
 * Mounted for a moment where nobody else looks: that replays its log, proves that it mounts, and is
 * the only way to grow it.
 */
export async function settleXfs(
  host: VolumeHost,
  steps: Steps,
  signal: AbortSignal,
): Promise<Settled | "beyond-repair"> {
  const grownBytes = await steps.take("check", () => mountedOnce(host, signal));
  if (grownBytes !== "does-not-mount") return { check: "not-needed", grownBytes };
  const check = await steps.take("repair", () => repair(host, signal));
  if (check === "beyond-repair") return check;
  const again = await steps.take("check", () => mountedOnce(host, signal));
  return again === "does-not-mount" ? "beyond-repair" : { check, grownBytes: again };
}

/** Gives the bytes gained. */
async function mountedOnce(host: VolumeHost, signal: AbortSignal): Promise<number | "does-not-mount"> {
  const directory = lookDirectory(host);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { code, lastWords, stderr } = await host.run(mountXfs(host.mappings.path, directory), signal);
  if (stderr.includes("unknown filesystem type")) throw unsupported(lastWords);
  if (code !== 0) return "does-not-mount";
  try {
    const before = await bytesOf(directory);
    await host.run(growXfs(directory), signal);
    return (await bytesOf(directory)) - before;
  } finally {
    // Also when the order is over: what stays mounted cannot be closed.
    using deadline = new Deadline(UNMOUNT_MS);
    await host.run(unmount(directory), deadline.signal);
  }
}

async function repair(host: VolumeHost, signal: AbortSignal): Promise<"clean" | "repaired" | "beyond-repair"> {
  const { path } = host.mappings;
  try {
    const kept = (await host.run(repairXfs(path, { losingLog: false }), signal)).code;
    // It did not mount, so that its log will never be replayed.
    const code =
      kept === XFS_REPAIR.logToReplay ? (await host.run(repairXfs(path, { losingLog: true }), signal)).code : kept;
    if (code === XFS_REPAIR.clean) return "clean";
    return code === XFS_REPAIR.corrected ? "repaired" : "beyond-repair";
  } catch (failure) {
    // Longer than it is worth.
    if (failure instanceof AgentError && failure.code === "cache.tool-deadline") return "beyond-repair";
    throw failure;
  }
}

async function bytesOf(directory: string): Promise<number> {
  const { blocks, bsize } = await statfs(directory);
  return blocks * bsize;
}

/** Where a file system is looked at before it gets its own place. */
export function lookDirectory({ scratchDir }: Pick<VolumeHost, "scratchDir">): string {
  return join(scratchDir, "look");
}

function unsupported(lastWords: string): AgentError {
  return new AgentError("cache.filesystem-unsupported", `The kernel of this machine cannot mount xfs: ${lastWords}`, {
    retryable: false,
  });
}
