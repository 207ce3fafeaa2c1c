/** What a long-running loop of this process says of itself. Times are wall-clock milliseconds. */
export interface LoopStatus {
  readonly name: string;
  /** "ended": it returned, which most never do. */
  readonly at: "running" | "pausing" | "ended";
  readonly sinceMs: number;
  /** Absent: it has not finished anything yet, or has nothing to finish. */
  readonly lastSuccessMs?: number;
  /** In a row. */
  readonly failures: number;
  /** Why the last attempt failed; "" after a success. */
  readonly lastFailure: string;
  /** While it pauses after a failure. */
  readonly nextTryMs?: number;
}
