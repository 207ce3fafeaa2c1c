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

/** Two comparisons of one pair of clocks differ by no more: answers take their time. */
const SAME_MS = 1_000;

/**
 * What to go by from now on: what was known, where that agrees. So a clock that runs as it should
 * is no news with each answer.
 */
export function timeHeard(known: PlaneTime | undefined, heard: PlaneTime): PlaneTime {
  if (known === undefined) return heard;
  const monoMs = heard.at.monoMs - known.at.monoMs;
  const isOurs = Math.abs(heard.at.wallMs - known.at.wallMs - monoMs) <= SAME_MS;
  return isOurs && Math.abs(heard.planeMs - known.planeMs - monoMs) <= SAME_MS ? known : heard;
}

/**
 * Of a control plane that does not say its time: what it issued just now was not issued before its
 * notBefore. Nearer than a clock by which that is over, or not yet.
 */
export function timeOfIssue(
  known: PlaneTime | undefined,
  issued: { readonly notBeforeMs: number; readonly notAfterMs: number },
  at: Instant,
): PlaneTime | undefined {
  const isOff = at.wallMs < issued.notBeforeMs || issued.notAfterMs <= at.wallMs;
  return known === undefined && isOff ? { planeMs: issued.notBeforeMs, at } : known;
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

/** "2 h 5 min ahead of the control plane's: 14:05 here was 12:00 there", when last compared. */
export function skewInWords(skewMs: number, { planeMs }: PlaneTime): string {
  const side = skewMs > 0 ? "ahead of" : "behind";
  const seconds = Math.round(skewMs / 1_000);
  const [here, there] = [planeMs + seconds * 1_000, planeMs].map((ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`);
  return `${span(Math.abs(seconds))} ${side} the control plane's: ${here} here was ${there} there`;
}

/** For what was refused: the clock as its likely cause; "" if it is not off, as far as is known. */
export function clockAsCause(time: PlaneTime | undefined, now: Instant): string {
  const skewMs = clockSkewMs(time, now);
  if (time === undefined || skewMs === undefined || Math.abs(skewMs) <= TOLERATED_SKEW_MS) return "";
  return `this machine's clock is likely the cause: it is ${skewInWords(skewMs, time)}. Set it right`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
