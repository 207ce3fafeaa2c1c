import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** The kernel counts a device's size in these, whatever its own sectors are. */
const SECTOR_BYTES = 512;

/** Bytes of a block device, or of a file that stands for one. */
export async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path);
  if (!stats.isBlockDevice()) return stats.size;
  return Number(await readFile(join(sysDirectory(stats.rdev), "size"), "utf8")) * SECTOR_BYTES;
}

/** What stands below a device-mapper device, and its uuid there ("CRYPT-LUKS2-…"). */
export async function deviceMapperFacts(
  path: string,
): Promise<{ readonly uuid: string; readonly below: readonly string[] }> {
  const directory = sysDirectory((await stat(path)).rdev);
  const [uuid, below] = await Promise.all([
    readFile(join(directory, "dm/uuid"), "utf8").catch(() => ""),
    readdir(join(directory, "slaves")).catch(() => []),
  ]);
  return { uuid: uuid.trim(), below: below.map((name) => `/dev/${name.replaceAll("!", "/")}`) };
}

function sysDirectory(rdev: number): string {
  return `/sys/dev/block/${numberOf(rdev)}`;
}

/**
 * "major:minor". @param rdev As stat(2) gives it: glibc's makedev, as far as Linux uses it.
 */
export function numberOf(rdev: number): string {
  const major = (rdev >> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  return `${major}:${minor}`;
}
