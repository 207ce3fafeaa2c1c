/** What is known of recordings of debug terminals on this machine. */
export type RecordingsView =
  /** This machine gives no debug terminals. */
  | { readonly at: "none" }
  | ({
      readonly at: "kept";
      readonly waiting: readonly WaitingRecording[];
      /** When its `problem` is told, wall clock; absent: there is none. */
      readonly problemFromMs?: number;
    } & RecordingFolder);

/** A disk that fills up is told by what is written to it all the time, and only then here. */
export const PROBLEM_AFTER_MS = 5_000;

/** One that the control plane has not stored whole, those included that are still being made. */
export interface WaitingRecording {
  readonly recordingId: string;
  readonly waitingBytes: number;
  /** Since when something of it waits, wall clock, to the second. */
  readonly sinceMs: number;
  /** Of the last try to send it; "" while it is being sent. */
  readonly lastFailure: string;
}

export interface RecordingFolder {
  readonly directory: string;
  /** Why no recording can be made here; "" if one can. */
  readonly problem: string;
  /** Files that nobody sends any more, the oldest first. */
  readonly left: readonly LeftRecording[];
  /** More of them than are named in `left`. */
  readonly moreLeft: number;
}

export interface LeftRecording {
  readonly file: string;
  readonly sizeBytes: number;
  /** When it was last written. */
  readonly writtenMs: number;
  /** The control plane will not have it; else it could not be taken up. */
  readonly isRefused: boolean;
}

/**
 * Without any of it being stored. The control plane answers each chunk within a moment, and one try
 * may fail; a terminal ends after 30 s of it.
 */
export const STUCK_MS = 7_000;
