import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { DeviceSeen, FilesystemErrors } from "../../core/cache-filesystem.ts";

/** How drivers (nvme, scsi) say that a device is not coming back by itself. */
const LOST = ["offline", "transport-offline", "dead", "deleting", "deleting (no IO)", "blocked-dead"];

/** @param number "254:0". Undefined for a file system without a block device of its own. */
export function deviceSeen(number: string, sysDir = "/sys"): DeviceSeen | undefined {
  // Major 0: overlay, tmpfs, btrfs and networks have made the number up.
  if (number.startsWith("0:") || !existsSync(join(sysDir, "dev/block"))) return undefined;
  const directory = join(sysDir, "dev/block", number);
  const name = nameOf(directory);
  if (name === undefined) return { name: number, is: "gone", which: number };
  const isMapping = existsSync(join(directory, "dm"));
  if (!isMapping) return { name, which: name, is: isLost(directory) ? "gone" : "there" };
  const which = wordIn(join(directory, "dm/name")) || name;
  if (wordIn(join(directory, "dm/suspended")) === "1") return { name, which, is: "suspended" };
  const below = namesIn(join(directory, "slaves"));
  if (below.length === 0) return { name, which, is: "unmapped" };
  const lost = below.find((one) => isLost(join(directory, "slaves", one)));
  return lost === undefined ? { name, which, is: "there" } : { name, which: lost, is: "gone" };
}

/** @param name "dm-0". Undefined: none, or no ext4. */
export function errorsOfExt4(name: string, sysDir = "/sys"): FilesystemErrors | undefined {
  const directory = join(sysDir, "fs/ext4", name);
  const count = Number(wordIn(join(directory, "errors_count")));
  if (!(count > 0)) return undefined;
  return {
    count,
    errno: EXT4_ERRORS[Number(wordIn(join(directory, "last_error_errcode")))] ?? "",
    where: wordIn(join(directory, "last_error_func")),
  };
}

/** ext4 keeps numbers of its own in its superblock: linux/fs/ext4/ext4.h, EXT4_ERR_*. */
const EXT4_ERRORS = [
  ...["", "EUNKNOWN", "EIO", "ENOMEM", "EFSBADCRC", "EFSCORRUPTED", "ENOSPC", "ENOKEY", "EROFS"],
  ...["EFBIG", "EEXIST", "ERANGE", "EOVERFLOW", "EBUSY", "ENOTDIR", "ENOTEMPTY", "ESHUTDOWN", "EFAULT"],
];

function isLost(directory: string): boolean {
  return !existsSync(directory) || LOST.includes(wordIn(join(directory, "device/state")));
}

function nameOf(directory: string): string | undefined {
  try {
    return basename(readlinkSync(directory));
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** "" if it cannot be read. */
function wordIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
