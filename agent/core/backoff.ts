import { VIEW_MAX_AGE_MS } from "./allow-set.ts";

/**
 * Reconnects: full jitter below a ceiling that grows by half, 1 s to 1 min. By then a machine has
 * been away for about as long as its ceiling is: it comes back within as long again, and a fleet
 * that lost its control plane together comes back evenly (bench/fleet). A ceiling that doubles is
 * twice as long as the outage was: half of a fleet comes back in its first quarter.
 */
export const RECONNECT: Backoff = { baseMs: 1_000, growth: 1.5, capMs: 60_000 };

/**
 * The ceiling while a longer pause would keep builds out (contract, top of builder_agent.proto).
 */
const URGENT_CAP_MS = 30_000;

/** What a pause before the next call to the control plane would cost. */
export interface ReconnectSituation {
  /** Since the control plane last confirmed the desired state; undefined: it never has. */
  readonly viewAgeMs: number | undefined;
  /** A client was turned away for want of a newer view: its build may be open by now. */
  readonly buildWaits: boolean;
}

/**
 * How to wait before the next call. A pause never reaches further than 30 s past the moment when
 * the view is too old and the gateway lets nobody in.
 */
export function reconnectBackoff({ viewAgeMs, buildWaits }: ReconnectSituation): Backoff {
  if (viewAgeMs === undefined || buildWaits) return { ...RECONNECT, capMs: URGENT_CAP_MS };
  const untilOldMs = Math.max(0, VIEW_MAX_AGE_MS - viewAgeMs);
  return { ...RECONNECT, capMs: Math.min(RECONNECT.capMs, untilOldMs + URGENT_CAP_MS) };
}

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
  /** By how much the ceiling grows with each attempt; default 2. */
  readonly growth?: number;
}

/**
 * Full jitter: uniform between 0 and the ceiling, which grows with each attempt. `attempt` counts
 * from 0; `random` is in [0, 1). Source: "Exponential Backoff And Jitter", AWS Architecture Blog,
 * 2015.
 */
export function fullJitterMs(backoff: Backoff, attempt: number, random: number): number {
  const ceilingMs = Math.min(backoff.capMs, backoff.baseMs * (backoff.growth ?? 2) ** Math.min(attempt, 30));
  return Math.round(ceilingMs * random);
}

/**
 * Between half the ceiling and the whole: for what must not come back at once, however the dice
 * fall.
 */
export function equalJitterMs(backoff: Backoff, attempt: number, random: number): number {
  return fullJitterMs(backoff, attempt, 0.5 + random / 2);
}
