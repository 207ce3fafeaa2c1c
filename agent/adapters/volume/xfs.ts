import { type Command, QUICK_MS } from "./command.ts";
import { CHECK_MS, MAKE_MS } from "./ext4.ts";

/** A log that must be replayed first may be 2 GiB. */
const MOUNT_MS = 2 * 60_000;

/** mount(8) 32: it did not work. */
const MOUNT_FAILED = 32;

/**
 * Exit codes of xfs_repair(8) with -e: 0 nothing was wrong, 4 corrected; 1 it could not, 2 there is
 * a log to replay.
 */
export const XFS_REPAIR = { clean: 0, failed: 1, logToReplay: 2, corrected: 4 } as const;

/**
 * -K: nothing is discarded, as with ext4. A log of 64 MB, as small disks get: it is written whole,
 * and half a gigabyte on large ones.
 */
export function makeXfs(path: string): Command {
  const args = ["-q", "-f", "-K", "-l", "size=64m", path];
  return { program: "mkfs.xfs", args, stdin: "nothing", answers: [0], deadlineMs: MAKE_MS };
}

/**
 * xfs is grown mounted, and its log is replayed by mounting. Nothing on it can be run or opened as
 * a device.
 */
export function mountXfs(path: string, directory: string): Command {
  const args = ["-t", "xfs", "-o", "noatime,nodev,noexec,nosuid", path, directory];
  return { program: "mount", args, stdin: "nothing", answers: [0, MOUNT_FAILED], deadlineMs: MOUNT_MS };
}

export function unmount(directory: string): Command {
  return { program: "umount", args: [directory], stdin: "nothing", answers: [0], deadlineMs: MOUNT_MS };
}

export function repairXfs(path: string, { losingLog }: { readonly losingLog: boolean }): Command {
  const args = ["-e", ...(losingLog ? ["-L"] : []), path];
  return { program: "xfs_repair", args, stdin: "nothing", answers: Object.values(XFS_REPAIR), deadlineMs: CHECK_MS };
}

/**
 * To the end of its device; where there is nothing to gain, or too little (1), it says so and
 * changes nothing.
 */
export function growXfs(directory: string): Command {
  return { program: "xfs_growfs", args: ["-d", directory], stdin: "nothing", answers: [0, 1], deadlineMs: QUICK_MS };
}
