import { type Command, QUICK_MS } from "./command.ts";

/** Bookkeeping only, the same for each size; a disk that has just been attached may be slow. */
export const MAKE_MS = 5 * 60_000;
/**
 * A cache is filled anew faster than it is checked for longer than this; all steps together stay
 * under the half hour that the unit has.
 */
export const CHECK_MS = 7 * 60_000;

/**
 * Exit codes of e2fsck(8) that leave a sound file system: 0 nothing was wrong; 1, 2 and both:
 * corrected.
 */
const SOUND = [0, 1, 2, 3];
const ANYTHING = [...SOUND, 4, 5, 6, 7, 8, 12, 16, 32];

/**
 * No blocks reserved for root, since all of it is root's; an inode for 8 KiB instead of 16, because
 * dependency trees are small files; tables written lazily. The journal is a gigabyte on a large
 * disk: it is cleared only where an old one could be read for its own, and below a new key there is
 * noise. Nothing is discarded: what is free is, at the end of each run. Where it finds itself
 * damaged it goes read-only; by default it would go on, and hand out what is wrong.
 */
export function makeExt4(path: string, { hasOldJournal }: { readonly hasOldJournal: boolean }): Command {
  const lazy = ["lazy_itable_init=1", ...(hasOldJournal ? [] : ["lazy_journal_init=1"])];
  const extended = [...lazy, "nodiscard"].join(",");
  const args = ["-q", "-F", "-b", "4096", "-m", "0", "-i", "8192", "-e", "remount-ro", "-E", extended, path];
  return { program: "mkfs.ext4", args, stdin: "nothing", answers: [0], deadlineMs: MAKE_MS };
}

/** The superblock in words. Not 0: it cannot be read. */
export function describeExt4(path: string): Command {
  return { program: "dumpe2fs", args: ["-h", path], stdin: "nothing", answers: [0, 1, 19], deadlineMs: QUICK_MS };
}

/** Replays the journal, and repairs what can be repaired without loss. */
export function preenExt4(path: string): Command {
  return { program: "e2fsck", args: ["-p", path], stdin: "nothing", answers: ANYTHING, deadlineMs: CHECK_MS };
}

/** Whatever it takes. */
export function repairExt4(path: string): Command {
  return { program: "e2fsck", args: ["-f", "-y", path], stdin: "nothing", answers: ANYTHING, deadlineMs: CHECK_MS };
}

/** resize2fs wants a file system that was checked whole. */
export function checkExt4Whole(path: string): Command {
  return { program: "e2fsck", args: ["-f", "-p", path], stdin: "nothing", answers: SOUND, deadlineMs: CHECK_MS };
}

/** To the end of its device, unmounted: growing it mounted would take one more capability. */
export function growExt4(path: string): Command {
  return { program: "resize2fs", args: [path], stdin: "nothing", answers: [0], deadlineMs: CHECK_MS };
}

export function isSound(exitCode: number): boolean {
  return SOUND.includes(exitCode);
}

export interface Ext4Facts {
  /** It was unmounted in order, and its journal is empty. */
  readonly inOrder: boolean;
  readonly hasJournal: boolean;
  readonly sizeBytes: number;
}

/** @param words What describeExt4 prints. Undefined: that is no superblock. */
export function readExt4(words: string): Ext4Facts | undefined {
  const value = (name: string): string | undefined => new RegExp(`^${name}:\\s+(.+)$`, "m").exec(words)?.[1];
  const [state, features, blocks, blockBytes] = [
    "Filesystem state",
    "Filesystem features",
    "Block count",
    "Block size",
  ].map(value);
  if (state === undefined || features === undefined) return undefined;
  const all = features.split(/\s+/);
  return {
    inOrder: state === "clean" && !all.includes("needs_recovery"),
    hasJournal: all.includes("has_journal"),
    sizeBytes: Number(blocks) * Number(blockBytes),
  };
}
