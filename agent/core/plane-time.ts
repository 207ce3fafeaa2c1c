import type { Instant } from "./instant.ts";

/** What the control plane's clock said, and when that was by ours. */
export interface PlaneTime {
  readonly planeMs: number;
  readonly at: Instant;
}

/** Contract: what a control plane issues bears clocks that differ by this much. */
export const TOLERATED_SKEW_MS = 5 * 60_000;

/**
 * By more than this the wall clock does not run ahead of the monotonic one while the control plane
 * is away: a time server slews by 500 ppm, so by 2 s an hour.
 */
const STEP_MS = 10_000;

/**
 * The control plane's time; our wall clock's as long as it has not said. It is counted on by the
 * clock that says more: after a paused VM and after a step forward it is as late as it can be, and
 * the next answer says which it was. A step back does not count.
 */
export function planeNowMs(time: PlaneTime | undefined, now: Instant): number {
  if (time === undefined) return now.wallMs;
  const { at, planeMs } = time;
  return planeMs + Math.max(now.monoMs - at.monoMs, now.wallMs - at.wallMs);
}

/**
 * Our wall clock minus theirs; undefined while that is not known: nothing was heard, or the wall
 * clock has leapt since, and a paused VM and a clock that was set look the same from within.
 */
export function clockSkewMs(time: PlaneTime | undefined, now: Instant): number | undefined {
  if (time === undefined) return undefined;
  const { at, planeMs } = time;
  const monoMs = now.monoMs - at.monoMs;
  if (now.wallMs - at.wallMs - monoMs > STEP_MS) return undefined;
  return now.wallMs - planeMs - monoMs;
}

/** "2 h 5 min ahead of the control plane's: 2026-… here, 2026-… there". */
export function skewInWords(skewMs: number, now: Instant): string {
  const side = skewMs > 0 ? "ahead of" : "behind";
  const [here, there] = [now.wallMs, now.wallMs - skewMs].map((ms) => new Date(ms).toISOString());
  return `${span(Math.abs(skewMs))} ${side} the control plane's: ${here} here, ${there} there`;
}

/** For what was refused: the clock as its likely cause; "" if it is not off, as far as is known. */
export function clockAsCause(time: PlaneTime | undefined, now: Instant): string {
  const skewMs = clockSkewMs(time, now);
  if (skewMs === undefined || Math.abs(skewMs) <= TOLERATED_SKEW_MS) return "";
  return `; this machine's clock is likely the cause: it is ${skewInWords(skewMs, now)}. Set it right`;
}

function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
