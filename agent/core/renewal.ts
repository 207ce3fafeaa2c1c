/**
 * When to renew a certificate: at two thirds of its lifetime, give or take a twentieth, so that a fleet that booted together does not come
 * together. `random` is in [0, 1).
 */
export function renewAtMs(notBeforeMs: number, notAfterMs: number, random: number): number {
  const lifetimeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifetimeMs * (2 / 3 + (random - 0.5) / 10);
}

/** Retries of a failed renewal: quick at first, for the lifetime may be short, and never rarer than a minute. */
export const RENEWAL_RETRY = { baseMs: 500, capMs: 60_000 } as const;
