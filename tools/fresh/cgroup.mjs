import { mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { EX_UNAVAILABLE, SetupFailed } from "../setup/failure.mjs";

/**
 * A control group of its own, so that the machine's builds see none of this machine's. @param
 * {string} name @returns {string} Its folder.
 */
export function makeCgroup(name) {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((each) => each.includes(" - cgroup2 "));
  const mounted = line?.split(" ")[4];
  if (!mounted)
    throw new SetupFailed("no cgroup2 is mounted on this machine", {
      advice: "mount -t cgroup2 none /sys/fs/cgroup/unified, or take another machine",
      exitCode: EX_UNAVAILABLE,
    });
  const folder = join(mounted, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * From the leaves up. One that still has a process stays: the next run takes it over. @param
 * {string} folder
 */
export function removeCgroup(folder) {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeCgroup(join(folder, entry.name));
    rmdirSync(folder);
  } catch {
    // It has a process, or is gone.
  }
}
