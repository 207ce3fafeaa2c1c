import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import type { Scope } from "../../../agent/lifecycle/scope.ts";

/** A disk of its own at a directory that is not there yet; gone with its scope. In memory. */
export async function smallDisk(directory: string, mib: number, inodes: number, scope: Scope): Promise<void> {
  const run = promisify(execFile);
  await mkdir(directory, { mode: 0o700 });
  await run("mount", ["-t", "tmpfs", "-o", `size=${mib}m,nr_inodes=${inodes},mode=700`, "tmpfs", directory]);
  scope.defer(async () => void (await run("umount", [directory])));
}
