/** BuildKit's databases, bbolt files all of them (v0.33.1), by what is in them. */
export type DatabaseKind =
  /**
   * Which step gave which result. Written without fsync: of all, the one that a power cut damages.
   */
  | "solver-cache"
  /** Of past builds: what a person may look at. */
  | "history"
  /** What each snapshot is to BuildKit: its size, its age, whose cache mount it is. */
  | "records"
  /** Which content and which snapshots there are, and what keeps them. */
  | "content"
  /** Which directory on the disk is which snapshot. */
  | "snapshots";

export interface DatabaseFinding {
  /** Under BuildKit's root: "cache.db", "runc-overlayfs/snapshots/metadata.db". */
  readonly path: string;
  readonly kind: DatabaseKind;
  readonly state: DatabaseState;
  /** Snapshots lie on the disk that only the databases of their worker know. */
  readonly snapshotsBeside: boolean;
}

export type DatabaseState =
  | { readonly at: "sound" }
  /** Not there, or without a byte in it: BuildKit would make it anew, empty. */
  | { readonly at: "missing" }
  | { readonly at: "damaged"; readonly because: string }
  /** It could not be looked at. */
  | { readonly at: "unchecked"; readonly because: string };

export type CacheVerdict =
  | { readonly do: "keep" }
  /** These alone: BuildKit makes them anew, and the rest of the cache stays good. */
  | { readonly do: "set-aside"; readonly paths: readonly string[]; readonly because: string }
  | { readonly do: "start-empty"; readonly because: string };

/**
 * After so many crashes in a row, each soon after its start, the cache is to blame even if its
 * databases look sound.
 */
export const CRASHES_MAX = 3;
/**
 * BuildKit forces its databases onto the disk, and never the files of a layer: after a power cut
 * they say that a layer is whole whose files are empty, and the builds that use it get those.
 */
const POWER_CUT =
  "the machine went down while BuildKit ran: which layers were on the disk by then, and which only in its memory, nobody knows";
/** A run that lasted longer has worked: what ended it then is not what it found at its start. */
export const SOON_MS = 60_000;

export interface CachePast {
  /** Each soon after its start. */
  readonly crashesInARow: number;
  /** Not even a prune has the space that it needs. */
  readonly isWithoutSpace: boolean;
  /** The machine went down under a BuildKit that ran. */
  readonly isPowerCut: boolean;
}

/**
 * What damage means, each tried on the real daemon. Without `solver-cache` or `history` it starts
 * and builds: layers are made again where they are asked for, while cache mounts, sources and
 * pulled images stay; it resets the same two by itself where it sees at once that they cannot be
 * opened. The other three describe each other and directories on the disk: without one, builds fail
 * for ever or layers are lost without being freed.
 */
export function judgeCache(
  found: readonly DatabaseFinding[],
  { crashesInARow, isWithoutSpace, isPowerCut }: CachePast,
): CacheVerdict {
  const essential = found.filter(({ kind }) => !isExpendable(kind)).flatMap(trouble);
  if (essential.length > 0) return { do: "start-empty", because: essential.join("; ") };
  if (isPowerCut && found.some(({ snapshotsBeside }) => snapshotsBeside))
    return { do: "start-empty", because: POWER_CUT };
  if (crashesInARow >= CRASHES_MAX)
    return { do: "start-empty", because: `buildkitd crashed ${crashesInARow} times in a row, soon after its start` };
  if (isWithoutSpace) return { do: "start-empty", because: "the disk is full, and the reserve for that is used up" };
  const expendable = found.filter(({ kind, state }) => isExpendable(kind) && state.at === "damaged");
  if (expendable.length === 0) return { do: "keep" };
  return {
    do: "set-aside",
    paths: expendable.map(({ path }) => path),
    because: expendable.flatMap(trouble).join("; "),
  };
}

function isExpendable(kind: DatabaseKind): boolean {
  return kind === "solver-cache" || kind === "history";
}

function trouble({ path, kind, state, snapshotsBeside }: DatabaseFinding): readonly string[] {
  switch (state.at) {
    case "damaged":
      return [`${path} is damaged: ${state.because}`];
    case "missing":
      return snapshotsBeside && !isExpendable(kind) ? [`${path} is missing or empty, but there are snapshots`] : [];
    // What cannot be looked at may be sound: a whole cache is not given up for that.
    case "sound":
    case "unchecked":
      return [];
    default:
      return state satisfies never;
  }
}

export type RunEnd = "clean" | "crashed" | "other";

/** How many crashes in a row that makes, `ranMs` after the start. */
export function crashesAfter(end: RunEnd, ranMs: number, crashesBefore: number): number {
  return end === "crashed" && ranMs < SOON_MS ? crashesBefore + 1 : 0;
}
