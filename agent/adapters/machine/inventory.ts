import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlockDevice } from "../../core/machine.ts";

/** Of sysfs (Documentation/ABI/stable/sysfs-block): whatever the disk's own sectors are. */
const SECTOR_BYTES = 512;
/** Of optical drives and floppies. */
const NO_DISK = /^(?:sr|fd)\d/;

export interface Inventory {
  readonly os: string;
  readonly platform: string;
  readonly blockDevices: readonly BlockDevice[];
}

/** Where the kernel and the distribution tell of the machine. */
export interface InventoryPlaces {
  /** "/sys" if absent. */
  readonly sysDir?: string;
  /** os-release(5); "/etc/os-release" if absent. */
  readonly osRelease?: string;
}

/** Reads it from files, and starts no program: each boot waits for it. What is not told is "". */
export async function inventory({
  sysDir = "/sys",
  osRelease = "/etc/os-release",
}: InventoryPlaces = {}): Promise<Inventory> {
  const dmi = join(sysDir, "class/dmi/id");
  const [release, vendor, product, blockDevices] = await Promise.all([
    textOf(osRelease),
    textOf(join(dmi, "sys_vendor")),
    textOf(join(dmi, "product_name")),
    disksIn(join(sysDir, "block")),
  ]);
  return {
    os: words(valueOf(release, "NAME"), valueOf(release, "VERSION_ID")),
    platform: words(vendor, product),
    blockDevices,
  };
}

/** What is made of others (loop, mapper, RAID, zram) has no device of its own. */
async function disksIn(blockDir: string): Promise<readonly BlockDevice[]> {
  const names = await readdir(blockDir).catch((): string[] => []);
  const disks = await Promise.all(names.filter((name) => !NO_DISK.test(name)).map((name) => diskAt(blockDir, name)));
  return disks.filter((disk) => disk !== undefined).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function diskAt(blockDir: string, name: string): Promise<BlockDevice | undefined> {
  const dir = join(blockDir, name);
  const entries = await readdir(dir).catch((): string[] => []);
  const sizeBytes = Number(await textOf(join(dir, "size"))) * SECTOR_BYTES;
  if (!entries.includes("device") || !(sizeBytes > 0)) return undefined;
  const [model, serial, virtioSerial] = await Promise.all([
    textOf(join(dir, "device/model")),
    textOf(join(dir, "device/serial")),
    textOf(join(dir, "serial")),
  ]);
  return { path: `/dev/${name}`, sizeBytes, model, serial: serial || virtioSerial };
}

/** `NAME="Debian GNU/Linux"` */
function valueOf(release: string, name: string): string {
  return new RegExp(`^${name}=(["']?)(.*)\\1$`, "m").exec(release)?.[2] ?? "";
}

async function textOf(file: string): Promise<string> {
  return readFile(file, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}
