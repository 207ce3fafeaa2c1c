/** What BuildKit keeps of a build: log, attestations, traces; some 50 kB and the log. */
export interface BuildRecord {
  readonly ref: string;
  /** Absent while the build runs. */
  readonly endedAtMs?: number;
  /** A client wants it to stay. */
  readonly isPinned: boolean;
}

/** Which records go: of builds that have ended. */
export interface HistoryOrder {
  /** So many of the youngest stay. */
  readonly spareYoungest: number;
  /** And what has ended since. */
  readonly minAgeMs: number;
  /**
   * Pinned ones, too. Any build may pin what is its own: what it wants to stay must not keep all
   * others out.
   */
  readonly pinnedToo: boolean;
}

export const HISTORY_REASONS = ["age", "space"] as const;

export type HistoryReason = (typeof HISTORY_REASONS)[number];

/**
 * BuildKit's own default: so many of the records that are older than their age are kept. Of younger
 * ones all are.
 */
export const HISTORY_KEPT = 50;

/** Clients read what the history says of their build once it is over. */
const BEING_READ_MS = 60_000;

/**
 * For a disk that so many prunes in a row did not relieve. While it is full (builds are refused)
 * each time more goes: what is beyond the youngest, all that is not pinned, the rest.
 */
export function historyForSpace({
  isFull,
  fruitless,
}: {
  readonly isFull: boolean;
  readonly fruitless: number;
}): HistoryOrder {
  return {
    spareYoungest: isFull && fruitless > 1 ? 0 : HISTORY_KEPT,
    minAgeMs: BEING_READ_MS,
    pinnedToo: isFull && fruitless > 2,
  };
}

export function historyPastItsAge(maxAgeMs: number): HistoryOrder {
  return { spareYoungest: HISTORY_KEPT, minAgeMs: maxAgeMs, pinnedToo: false };
}

const ROUNDS_MS = { least: 60_000, most: 3_600_000 } as const;
const ROUNDS_IN_ITS_AGE = 24;

/** How often there is a look for records past their age. */
export function historyRoundMs(maxAgeMs: number): number {
  return Math.min(ROUNDS_MS.most, Math.max(ROUNDS_MS.least, maxAgeMs / ROUNDS_IN_ITS_AGE));
}

/**
 * What BuildKit itself is told. It comes after us, and only where we have missed three rounds: what
 * it deletes it may only hide until its next start (docs/decisions/0089).
 */
export function buildkitsHistoryAgeMs(maxAgeMs: number): number {
  return maxAgeMs + 3 * historyRoundMs(maxAgeMs);
}

/** The oldest first. A record of the future (a clock was set back) is as old as it is far off. */
export function recordsToDelete(
  records: readonly BuildRecord[],
  { spareYoungest, minAgeMs, pinnedToo }: HistoryOrder,
  nowMs: number,
): readonly string[] {
  const running = new Set(records.filter(({ endedAtMs }) => endedAtMs === undefined).map(({ ref }) => ref));
  return records
    .flatMap(({ ref, endedAtMs, isPinned }) =>
      endedAtMs === undefined || (isPinned && !pinnedToo) || running.has(ref) ? [] : [{ ref, endedAtMs }],
    )
    .toSorted((a, b) => a.endedAtMs - b.endedAtMs)
    .slice(0, spareYoungest === 0 ? undefined : -spareYoungest)
    .filter(({ endedAtMs }) => Math.abs(nowMs - endedAtMs) >= minAgeMs)
    .map(({ ref }) => ref);
}
