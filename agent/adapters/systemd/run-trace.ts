import { statSync } from "node:fs";
import { join } from "node:path";
import { BUILDS_SLICE, UNIT_NAMES } from "./unit-names.ts";

/** Where the unified hierarchy of control groups is mounted. */
export const CGROUP_ROOT = "/sys/fs/cgroup";

/**
 * The id of buildkitd's control group, "none" while there is no such group: the manager makes one
 * for each run, and removes it after the end. Undefined where there is no unified hierarchy to
 * read. Starts no process, and wakes no other thread: the kernel answers from memory.
 */
export function controlGroupId(root: string): bigint | "none" | undefined {
  const id = inode(join(root, BUILDS_SLICE, UNIT_NAMES.buildkitd));
  if (id !== undefined) return id;
  return inode(join(root, "cgroup.controllers")) === undefined ? undefined : "none";
}

/** Whether there is such a process, also one that we may not signal. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (err) {
    return err instanceof Error && "code" in err && err.code === "EPERM";
  }
}

function inode(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}
