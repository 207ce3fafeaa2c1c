import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { command } from "./command.ts";
import { machineRoot } from "./machine-root.ts";

/** What a machine is made of, on this one. */
export interface Disk {
  /** Its root file system: the image's, with its own changes in memory. */
  readonly root: string;
  /** On a real disk, because BuildKit's snapshots want no overlay below them: the plain cache. */
  readonly cache: string;
  /** For sockets and files between it and the test. */
  readonly work: string;
}

/** `scope` then owns it. */
export async function makeDisk(scope: Scope): Promise<Disk> {
  const { path } = scope.own(await TempDir.make(join(tmpdir(), "nspawn-")));
  const [root, memory, cache, work] = ["root", "memory", "cache", "work"].map((name) => join(path, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const dir of [root, memory, cache, work]) await mkdir(dir);
  await mounted(scope, memory, ["-t", "tmpfs", "-o", "mode=0755", "tmpfs", memory]);
  const [upper, workdir] = [join(memory, "upper"), join(memory, "work")];
  for (const dir of [upper, workdir]) await mkdir(dir);
  const layers = `lowerdir=${machineRoot()},upperdir=${upper},workdir=${workdir}`;
  await mounted(scope, root, ["-t", "overlay", "-o", layers, "overlay", root]);
  return { root, cache, work };
}

async function mounted(scope: Scope, at: string, args: readonly string[]): Promise<void> {
  await command("mount", args);
  scope.defer(() => command("umount", [at]).then(() => undefined));
}
