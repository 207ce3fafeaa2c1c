import type { Backoff } from "./backoff.ts";
import { LeakyBucket } from "./leaky-bucket.ts";

/**
 * A certificate as it was received. Its lifetime counts from then: `notBefore` may lie far back.
 * Times are the control plane's (core/plane-time.ts).
 */
export interface HeldCertificate {
  readonly receivedAtMs: number;
  readonly notAfterMs: number;
  /**
   * Whether it ends later than the one that it replaced. One that does not is capped, for instance
   * by its CA's end.
   */
  readonly extends: boolean;
}

/** Between two renewals, whatever lifetimes the control plane gives. */
const FLOOR_MS = 1_000;
/**
 * Renewing what cannot get longer is no use: tried again this much later, so that a fleet whose CA
 * ends stays calm.
 */
const CAPPED_FLOOR_MS = 10 * 60_000;
/**
 * Between two renewals, so six an hour: lifetimes of 15 minutes and more need no more than that.
 * Evenly, and not as many in a row: what has expired then waits no longer than this once a longer
 * lifetime can be had.
 */
export const RENEWAL_GAP_MS = 10 * 60_000;

/** The certificate that was just received in the place of `before`. */
export function received(before: HeldCertificate | undefined, notAfterMs: number, nowMs: number): HeldCertificate {
  return { receivedAtMs: nowMs, notAfterMs, extends: before === undefined || notAfterMs > before.notAfterMs };
}

/**
 * When to renew a certificate: at two thirds of its lifetime, give or take a twentieth, so that a
 * fleet that booted together does not come together. `random` is in [0, 1).
 */
export function renewAtMs(held: HeldCertificate, random: number): number {
  const lifetimeMs = held.notAfterMs - held.receivedAtMs;
  const dueInMs = lifetimeMs * (2 / 3 + (random - 0.5) / 10);
  const floorMs = held.extends ? FLOOR_MS : CAPPED_FLOOR_MS * (1 + random / 2);
  return held.receivedAtMs + Math.max(floorMs, dueInMs);
}

/**
 * First certificates for keys of gateways that have none: so many at once, and one more in each
 * `FIRST_BACK_MS`. A gateway that is killed again and again comes back with another key each time,
 * a hundred within minutes in our own tests; each costs the control plane a call.
 */
const FIRSTS_AT_ONCE = 120;
export const FIRST_BACK_MS = 10_000;

export class FirstCertificates {
  readonly #asked = new LeakyBucket({ holds: FIRSTS_AT_ONCE, leaksPerMs: 1 / FIRST_BACK_MS });

  /** Whether one may be asked for now; it is counted then, whatever comes of it. */
  take(nowMonoMs: number): boolean {
    return this.#asked.takes(1, nowMonoMs);
  }
}

/** How long the last renewal keeps the next one back; undefined: there was none. */
export function renewalPauseMs(lastMonoMs: number | undefined, nowMonoMs: number): number {
  return lastMonoMs === undefined ? 0 : Math.max(0, lastMonoMs + RENEWAL_GAP_MS - nowMonoMs);
}

/**
 * How to wait after a failed renewal: quick at first, for the lifetime may be short, then up to 10
 * minutes, but no longer than a fifth of the time that is left; a gateway without a certificate
 * waits no longer than half a minute.
 */
export function renewalRetry(remainingMs: number, isGatewayWaiting: boolean): Backoff {
  const mostMs = isGatewayWaiting ? RETRY.urgentCapMs : RETRY.capMs;
  return { baseMs: RETRY.baseMs, capMs: Math.min(mostMs, Math.max(RETRY.urgentCapMs, remainingMs / 5)) };
}

const RETRY = { baseMs: 1_000, urgentCapMs: 30_000, capMs: 600_000 } as const;
