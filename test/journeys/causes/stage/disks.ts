import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkNamespace } from "../../../../sandbox/net/namespace.ts";

const CACHE_MIB = 400;
/** Builds are refused below 256 MiB. */
const LEFT_MIB = 200;
/** Room for a recording: with less the check of them fails. */
const STATE_MIB = 16;

/** Small disks for the cache and for the machine's state, which only the VM has. */
export async function smallDisks(workDir: string, vm: NetworkNamespace | undefined): Promise<void> {
  for (const [name, mib] of [
    ["cache", CACHE_MIB],
    ["state", STATE_MIB],
  ] as const) {
    await mkdir(join(workDir, name), { mode: 0o700 });
    await vm?.run("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=700`, "tmpfs", join(workDir, name)]);
  }
}

/** A file of somebody else's on the cache's disk. */
export const fillCache = (vm: NetworkNamespace | undefined, workDir: string): Promise<string> | undefined =>
  vm?.run("fallocate", ["-l", `${CACHE_MIB - LEFT_MIB}M`, join(workDir, "cache", "filler")]);

/** All that is left of the disk for the machine's state: whoever writes next gets ENOSPC. */
export const fillState = (vm: NetworkNamespace | undefined, workDir: string): Promise<string> | undefined =>
  vm?.run("sh", ["-c", 'cat /dev/zero >"$0" 2>/dev/null || true', join(workDir, "state", "filler")]);

export const empty = (vm: NetworkNamespace | undefined, workDir: string): Promise<string> | undefined =>
  vm?.run("rm", ["-f", join(workDir, "cache", "filler"), join(workDir, "state", "filler")]);
