import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkNamespace } from "../../sandbox/net/namespace.ts";

/** Builds are refused below 256 MiB. */
const CACHE_MIB = 1_024;
const STATE_MIB = 32;
const USUAL_INODES = 200_000;

const DISKS = { cache: CACHE_MIB, state: STATE_MIB } as const;
export type DiskName = keyof typeof DISKS;

/** Small disks for the cache and for the machine's state, which only the VM sees. */
export async function mountDisks(workDir: string, vm: NetworkNamespace | undefined): Promise<void> {
  for (const [name, mib] of Object.entries(DISKS)) {
    const at = join(workDir, name);
    await mkdir(at, { mode: 0o700 });
    const options = `size=${mib}m,nr_inodes=${USUAL_INODES},mode=700`;
    await vm?.run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at]);
  }
}

/** What `df` says of a disk. */
export interface DiskUse {
  readonly usedKib: number;
  readonly usedInodes: number;
}

export async function useOf(vm: NetworkNamespace, workDir: string, name: DiskName): Promise<DiskUse> {
  const said = await vm.run("df", ["--output=used,iused", "--block-size=1K", join(workDir, name)]);
  const [usedKib = Number.NaN, usedInodes = Number.NaN] = (said.trim().split("\n").at(-1) ?? "")
    .trim()
    .split(/\s+/)
    .map(Number);
  return { usedKib, usedInodes };
}

/** Says what below the working directory takes how much; what goes meanwhile is no failure. */
export const DISK_USAGE = "{ du --one-file-system -k --max-depth=6 2>/dev/null || true; }";
const LARGEST = 12;

export async function largestOn(vm: NetworkNamespace, workDir: string, name: DiskName): Promise<readonly string[]> {
  return largestOf(await vm.run("sh", ["-c", `cd "$0" && ${DISK_USAGE}`, join(workDir, name)]));
}

/** Of what `DISK_USAGE` said, the largest first: "103400 buildkit/content". */
export function largestOf(said: string): readonly string[] {
  return said
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .toSorted(([a = ""], [b = ""]) => Number(b) - Number(a))
    .slice(0, LARGEST)
    .map((cells) => cells.join(" "));
}

/** For what is written between the look at a disk and its filling. */
const MEANWHILE_MIB = 48;

/** Fills a disk but for so much, or a little more. With 0 whoever writes next gets ENOSPC. */
export async function fill(vm: NetworkNamespace, workDir: string, name: DiskName, leftMib: number): Promise<void> {
  const { usedKib } = await useOf(vm, workDir, name);
  const meanwhile = Math.min(MEANWHILE_MIB, DISKS[name] / 4);
  const filler = join(workDir, name, "filler");
  const mib = Math.max(1, DISKS[name] - Math.ceil(usedKib / 1_024) - Math.max(leftMib, meanwhile));
  await vm.run("fallocate", ["-l", `${mib}M`, filler]);
  // To the last page.
  if (leftMib === 0) await vm.run("sh", ["-c", 'cat /dev/zero >>"$0" 2>/dev/null || true', filler]);
}

export async function empty(vm: NetworkNamespace, workDir: string, name: DiskName): Promise<void> {
  await vm.run("rm", ["-f", join(workDir, name, "filler")]);
}

/** The kernel allows no fewer than there are: some may have come since they were counted. */
const COUNTS = 5;

/** As many inodes as there are in use, and a few; undefined: as many as there were at first. */
export async function limitInodes(
  vm: NetworkNamespace,
  workDir: string,
  name: DiskName,
  left: number | undefined,
): Promise<void> {
  for (let counts = 1; ; counts += 1) {
    const inodes = left === undefined ? USUAL_INODES : (await useOf(vm, workDir, name)).usedInodes + left;
    try {
      await vm.run("mount", ["-o", `remount,nr_inodes=${inodes}`, join(workDir, name)]);
      return;
    } catch (failure) {
      if (counts === COUNTS) throw failure;
    }
  }
}
