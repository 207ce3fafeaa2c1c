import { chmod, mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../../ports/log.ts";

/** TMPFS_MAGIC of <linux/magic.h>. */
const TMPFS = 0x01021994;

/**
 * Where the daemon keeps its keys: a file in memory, so that it comes back as the same node after
 * it was killed. A directory that is not in memory gets none: the keys stay in the process, and are
 * gone with it.
 */
export async function statePlace(directory: string, log: Log): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const { type } = await statfs(directory);
  if (type === TMPFS) return [`--state=${join(directory, "tailscaled.state")}`, `--statedir=${directory}`];
  log.warn({ directory }, "tailnet.state-not-kept");
  return ["--state=mem:", `--statedir=${directory}`];
}
