import { type Backoff, fullJitterMs } from "../core/backoff.ts";
import type { Clock } from "../ports/clock.ts";
import { within } from "./branch.ts";
import { Pulse } from "./pulse.ts";

/**
 * Runs `attempt` until it succeeds, waiting with full jitter in between. A failure for which
 * `giveUp` returns true is thrown on, and so is the last failure when `signal` is aborted:
 * cancellation itself is never retried nor reported.
 */
export async function retry<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly backoff: Backoff;
    readonly clock: Clock;
    /** Ends a pause at once. Absent: nothing does. */
    readonly wake?: Pulse;
    readonly signal: AbortSignal;
    readonly giveUp: (failure: unknown) => boolean;
    /** The least to wait after this failure: the jitter is added. Absent: nothing asks for any. */
    readonly atLeastMs?: (failure: unknown) => number;
    readonly onFailure: (failure: unknown, delayMs: number) => void;
  },
): Promise<T> {
  const { backoff, clock, signal } = options;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await attempt(signal);
    } catch (failure) {
      if (signal.aborted || options.giveUp(failure)) throw failure;
      const delayMs = (options.atLeastMs?.(failure) ?? 0) + fullJitterMs(backoff, failures, clock.random());
      options.onFailure(failure, delayMs);
      await within(clock, delayMs, signal, async (limit) => (options.wake ?? new Pulse()).next(limit));
    }
  }
}
