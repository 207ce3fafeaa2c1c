import { LeakyBucket } from "./leaky-bucket.ts";

/** What another process of this machine may take of ours at once, and of the time after that. */
const AT_ONCE_MS = 5_000;
const SHARE = 0.25;

/** A pause is no silence to whoever waits for the next line (adapters/link/client.ts). */
const PAUSE_MAX_MS = 3_000;

/**
 * How fast the lines of a neighbour are read. By the time that they take and not by their number:
 * a hello of 100,000 records, which is rare, takes as long as thousands of lines that are not.
 */
export class ReadingPace {
  readonly #time = new LeakyBucket({ holds: AT_ONCE_MS, leaksPerMs: SHARE });

  /** So much was spent; after how many ms more may be read. @param nowMs monotonic */
  pauseMs(spentMs: number, nowMs: number): number {
    return this.#time.overflowMs(spentMs, nowMs, PAUSE_MAX_MS);
  }
}
