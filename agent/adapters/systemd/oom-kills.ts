import { readFile } from "node:fs/promises";
import { BUILDS_SLICE } from "./unit-names.ts";

/**
 * How many processes of builds the kernel has killed for want of memory. The slice's own count,
 * because the unit's is gone with its last process; undefined where the kernel keeps none (no
 * cgroup v2 memory controller, or no slice yet).
 */
export async function oomKills(): Promise<number | undefined> {
  const text = await readFile(`/sys/fs/cgroup/${BUILDS_SLICE}/memory.events`, "utf8").catch(() => "");
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}
