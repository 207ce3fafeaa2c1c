import { type HistoryOrder, historyForSpace } from "./build-history.ts";
import type { Resources } from "./machine.ts";

/**
 * Below this a build cannot be expected to write its layers: refuse with a reason rather than fail
 * half-way.
 */
export const DISK_FULL_BYTES = 256 * 1024 * 1024;

/** Of free space on the cache's disk, in bytes; each is at least the one before. */
export interface DiskLevels {
  /** Below: no new build is let in. */
  readonly fullBytes: number;
  /** Below: the cache is pruned. */
  readonly lowBytes: number;
  /** Up to here. */
  readonly goalBytes: number;
}

/**
 * BuildKit collects garbage by itself, but not while a build runs, and only a minute after the last
 * time: one large build fills the disk in between. `wantedFreeBytes` is what the control plane
 * wants to be kept free, 0 where it says nothing: then BuildKit's own aim, a tenth.
 */
export function diskLevels(sizeBytes: number, wantedFreeBytes: number): DiskLevels {
  const share = wantedFreeBytes > 0 ? Math.min(wantedFreeBytes, sizeBytes * LOW_SHARE) : sizeBytes * LOW_SHARE;
  const wanted = wantedFreeBytes > 0 ? wantedFreeBytes : sizeBytes * GOAL_SHARE;
  const low = Math.min(Math.max(2 * DISK_FULL_BYTES, share), sizeBytes / 2);
  const goal = Math.min(Math.max(3 * DISK_FULL_BYTES, wanted), sizeBytes * 0.75);
  const lowBytes = Math.floor(Math.max(DISK_FULL_BYTES, low));
  return { fullBytes: DISK_FULL_BYTES, lowBytes, goalBytes: Math.floor(Math.max(lowBytes, goal)) };
}

/** Of inodes, of which a file system can run out with bytes left. */
export interface InodeLevels {
  /** Below: no new build is let in. */
  readonly fullInodes: number;
  /** Below: the cache is pruned. */
  readonly lowInodes: number;
}

/** What a large `npm install` takes. */
const INODES_FULL = 32_768;

/**
 * `inodes`: how many there are in all; 0: the file system has no fixed number, and never too few.
 */
export function inodeLevels(inodes: number): InodeLevels {
  const fullInodes = Math.floor(Math.min(INODES_FULL, inodes * LOW_SHARE));
  return { fullInodes, lowInodes: Math.floor(Math.max(2 * fullInodes, inodes * LOW_SHARE)) };
}

const LOW_SHARE = 0.05;
const GOAL_SHARE = 0.1;

/**
 * "failed": the prune; "history-failed": to delete history; "no-history": there was no record to
 * delete; "no-space": BuildKit has not even the space to delete.
 */
export type ReliefEnd = "pruned" | "failed" | "history-deleted" | "history-failed" | "no-history" | "no-space";

/** What pruning has brought since the disk was last above its low level. */
export interface ReliefPast {
  /** Prunes in a row after which the disk was still low. */
  readonly fruitless: number;
  readonly last?: {
    readonly endedAtMonoMs: number;
    readonly ended: ReliefEnd;
  };
}

export const NO_RELIEF: ReliefPast = { fruitless: 0 };

export interface PruneOrder {
  /** Free on the cache's disk, as a process without privilege sees it. */
  readonly minFreeBytes: number;
  /**
   * Also what BuildKit keeps for itself and what several share: front ends, layers of pulled
   * images.
   */
  readonly all: boolean;
}

export type ReliefStep =
  | { readonly do: "nothing" }
  | { readonly do: "prune"; readonly order: PruneOrder }
  | { readonly do: "delete-history"; readonly order: HistoryOrder }
  /** Its start gives up a piece of the disk's reserve, so that it can prune again. */
  | { readonly do: "restart-buildkit" }
  | { readonly do: "wait"; readonly ms: number };

const PAUSE = { firstMs: 15_000, mostMs: 300_000 } as const;

/** What is looked at. */
export type DiskSpace = Pick<Resources, "cacheSizeBytes" | "cacheFreeBytes" | "cacheFreeInodes">;

export function isLow(space: DiskSpace, { lowBytes, lowInodes }: DiskLevels & InodeLevels): boolean {
  return space.cacheFreeBytes < lowBytes || space.cacheFreeInodes < lowInodes;
}

/**
 * What to do about the space that is free now. What was used least lately goes first; only when
 * builds are refused all the same, everything that no build uses. What a prune leaves is in use,
 * not BuildKit's, or its history of builds: of that the oldest go, all where a prune that spared
 * nothing was too little, and last what a build has pinned. `isIdle`: no session would be lost with
 * BuildKit.
 */
export function nextRelief(
  space: DiskSpace,
  levels: DiskLevels & InodeLevels,
  past: ReliefPast,
  { nowMonoMs, isIdle }: { readonly nowMonoMs: number; readonly isIdle: boolean },
): ReliefStep {
  if (!isLow(space, levels)) return { do: "nothing" };
  const { last, fruitless } = past;
  const isFull = space.cacheFreeBytes < levels.fullBytes || space.cacheFreeInodes < levels.fullInodes;
  if (last?.ended === "pruned") return { do: "delete-history", order: historyForSpace({ isFull, fruitless }) };
  // The second try, which spares nothing or has a new BuildKit, follows the first at once.
  const isSecond = isFull && fruitless <= 1 && last?.ended !== "failed" && last?.ended !== "history-failed";
  const isUrgent = isSecond || last?.ended === "history-deleted";
  const pauseMs = isUrgent ? 0 : Math.min(PAUSE.mostMs, PAUSE.firstMs * 2 ** Math.max(0, fruitless - 1));
  const waitMs = last === undefined ? 0 : last.endedAtMonoMs + pauseMs - nowMonoMs;
  if (waitMs > 0) return { do: "wait", ms: waitMs };
  if (last?.ended === "no-space" && isFull && isIdle) return { do: "restart-buildkit" };
  const minFreeBytes = Math.max(levels.goalBytes, bytesForInodes(space, levels, fruitless));
  return { do: "prune", order: { minFreeBytes, all: isFull && fruitless > 0 } };
}

/**
 * BuildKit prunes by bytes alone. Where inodes are short, a quarter of what is in use has to go;
 * where that did not help, all of it.
 */
function bytesForInodes(space: DiskSpace, { lowInodes }: InodeLevels, fruitless: number): number {
  const { cacheSizeBytes: size, cacheFreeBytes: free } = space;
  if (space.cacheFreeInodes >= lowInodes) return 0;
  return fruitless > 0 ? size : Math.ceil(free + (size - free) / 4);
}

/** What came of a prune; "enough" and "too-little": BuildKit has pruned. */
export const PRUNE_OUTCOMES = ["enough", "too-little", "no-space", "failed"] as const;

export type PruneOutcome = (typeof PRUNE_OUTCOMES)[number];

/** For the disk's check: what is done about it. */
export interface DiskRelief {
  readonly at: "idle" | "pruning" | "helpless";
  /** "" while idle. */
  readonly message: string;
}

export const IDLE_RELIEF: DiskRelief = { at: "idle", message: "" };
