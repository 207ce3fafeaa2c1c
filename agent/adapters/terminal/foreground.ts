import { readFileSync } from "node:fs";

/**
 * The foreground process group of a session leader's terminal (proc(5), stat, tpgid). Undefined
 * when it is gone, or has no terminal any more.
 */
export function foregroundOf(leader: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${leader}/stat`, "utf8");
    // The name before it may hold anything, also brackets.
    const [, , , , , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group !== undefined && /^[1-9]\d*$/.test(group) && group !== "1" ? Number(group) : undefined;
  } catch {
    return undefined;
  }
}
