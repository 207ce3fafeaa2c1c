import type { Instant } from "../core/instant.ts";

export interface Clock {
  now(): Instant;
  /**
   * Resolves after `ms`, or at once when `signal` is aborted: then the caller's loop sees the
   * signal. Never rejects.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). Here because jitter is time's business. */
  random(): number;
}
