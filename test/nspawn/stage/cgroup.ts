import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { eventually } from "../../journeys/stage/eventually.ts";

/** A control group of its own for each machine, so that two can run side by side. */
export async function makeCgroup(scope: Scope, name: string): Promise<string> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const mount = table.split("\n").find((line) => line.includes(" - cgroup2 "));
  const at = mount?.split(" ")[4];
  if (at === undefined) throw new Error("No cgroup2 is mounted on this machine");
  const path = join(at, basename(name));
  await mkdir(path);
  scope.defer(() => eventually(`${path} is empty`, () => removed(path)).then(() => undefined));
  return path;
}

/** Groups go from the leaves up, once their last process has gone. */
async function removed(path: string): Promise<boolean> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.filter((one) => one.isDirectory())) await removed(join(path, entry.name));
    await rmdir(path);
    return true;
  } catch {
    return false;
  }
}
