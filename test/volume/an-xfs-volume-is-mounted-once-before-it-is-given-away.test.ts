import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import type { OpenedVolume, VolumeOrder } from "../../agent/core/volume/order.ts";
import { blankDisk, DISK_BYTES, sh, writeAt } from "./disk-image.ts";
import { kept, perBoot, StandInMachine } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
const GIB = 1024 ** 3;
const never = new AbortController().signal;

/** A file's xfs is mounted through a loop device, which a container may not have. */
const unmountable = whyNoXfs();

function whyNoXfs(): string | undefined {
  const directory = mkdtempSync("/tmp/volume-xfs-");
  const [image, place] = [join(directory, "image"), join(directory, "place")];
  sh("truncate", ["--size=320M", image]);
  sh("mkfs.xfs", ["-q", image]);
  mkdirSync(place);
  try {
    sh("mount", ["-t", "xfs", image, place]);
    sh("umount", [place]);
    return undefined;
  } catch {
    return "this machine cannot mount an xfs image";
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function ordered(machine: StandInMachine, order: VolumeOrder): Promise<OpenedVolume> {
  return openVolume(machine.host(), order, () => undefined, never);
}

async function onMounted<T>(machine: StandInMachine, work: (directory: string) => Promise<T>): Promise<T> {
  const place = join(machine.directory, "place");
  await mkdir(place, { recursive: true });
  sh("mount", ["-t", "xfs", await machine.plain(), place]);
  try {
    return await work(place);
  } finally {
    sh("umount", [place]);
  }
}

describe("an xfs volume", () => {
  beforeEach(({ skip }) => {
    if (unmountable !== undefined) skip(unmountable);
  });

  it("is made, found again with what was in it, and grows with its device", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const order = (): VolumeOrder => kept(disk, KEY, { filesystem: "xfs" });
    expect(await ordered(machine, order())).toMatchObject({ filesystem: "xfs", formatted: true });
    await onMounted(machine, (place) => writeFile(join(place, "layer"), "cached"));
    await machine.reboot();
    expect(await ordered(machine, order())).toMatchObject({ formatted: false, check: "not-needed", grownBytes: 0 });
    await machine.reboot();
    await truncate(disk, GIB);
    const grown = await ordered(machine, order());
    expect(grown.grownBytes).toBeGreaterThan(0.95 * (GIB - DISK_BYTES));
    expect(await onMounted(machine, (place) => readFile(join(place, "layer"), "utf8"))).toBe("cached");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(machine.directory);
  });

  it("keeps its own file system where another one is ordered", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY, { filesystem: "xfs" }));
    await machine.reboot();
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ filesystem: "xfs", formatted: false });
  });

  it("whose first block is gone is repaired from its copies", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY, { filesystem: "xfs" }));
    await onMounted(machine, (place) => writeFile(join(place, "layer"), "cached"));
    await writeAt(await machine.plain(), 0, Buffer.alloc(512));
    await machine.reboot();
    const { check, formatted } = await ordered(machine, kept(disk, KEY));
    expect(["clean", "repaired"]).toContain(check);
    expect(formatted).toBe(false);
    expect(await onMounted(machine, (place) => readFile(join(place, "layer"), "utf8"))).toBe("cached");
  });

  it("beyond repair is made anew, because it is a cache, and says so", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY, { filesystem: "xfs" }));
    await writeAt(await machine.plain(), 0, randomBytes(DISK_BYTES - 16_777_216));
    await machine.reboot();
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ check: "rebuilt", filesystem: "xfs" });
  });

  it("of this boot only is made anew in the next", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk, { filesystem: "xfs" }));
    await machine.reboot();
    expect(await ordered(machine, perBoot(disk, { filesystem: "xfs" }))).toMatchObject({ formatted: true });
  });
});
