/**
 * One moment on two clocks. `wallMs` is Unix time; `monoMs` counts from an origin that all
 * processes of one boot share (CLOCK_MONOTONIC), so that it can be sent from one of our processes
 * to another.
 */
export interface Instant {
  readonly wallMs: number;
  readonly monoMs: number;
}

/**
 * Time since `then`, by the clock that says more: a step of the wall clock or a paused VM can make
 * things look older, never younger.
 */
export function ageMs(then: Instant, now: Instant): number {
  return Math.max(now.monoMs - then.monoMs, now.wallMs - then.wallMs);
}

/** The moment `ms` after `then`, on both clocks. */
export function later(then: Instant, ms: number): Instant {
  return { wallMs: then.wallMs + ms, monoMs: then.monoMs + ms };
}
