import type { Instant } from "./instant.ts";

/** Of a period: a look that has just been made counts for a beat that comes this soon. */
const SOON = 0.25;

/**
 * How long to sleep for a look every `periodMs` that may come a quarter sooner or later: until the
 * monotonic clock shows a multiple of the period. The looks of all loops and processes of a machine
 * then come together, and wake it once. An idle process spends most of its time on waking up.
 */
export function untilBeatMs({ monoMs }: Pick<Instant, "monoMs">, periodMs: number): number {
  const leftMs = Math.ceil(periodMs - (monoMs % periodMs));
  return leftMs < periodMs * SOON ? leftMs + periodMs : leftMs;
}
