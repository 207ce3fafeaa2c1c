/** Reconnects: full jitter, 1 s to 5 min (DESIGN, contract). */
export const RECONNECT: Backoff = { baseMs: 1_000, capMs: 300_000 };

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Full jitter: uniform between 0 and the ceiling, which doubles with each attempt. `attempt` counts from 0; `random` is in [0, 1).
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitterMs(backoff: Backoff, attempt: number, random: number): number {
  const ceilingMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceilingMs * random);
}
