import { TERMINAL_NOTICE_MS } from "../drain.ts";
import { clockTime, duration } from "../time-words.ts";

/** What the person in a terminal is told when the machine drains. All by the wall clock. */
export function drainInWords(endsAtMs: number, orAfterBuilds: boolean, nowMs: number): string {
  const leftMs = endsAtMs - nowMs;
  if (leftMs < 1_000) return "This machine drains: this terminal ends now.";
  const when = `${clockTime(endsAtMs, nowMs)} (in ${left(leftMs)})`;
  const sooner = orAfterBuilds ? `, or ${left(TERMINAL_NOTICE_MS)} after its last build` : "";
  return `This machine drains: this terminal ends at ${when}${sooner}.`;
}

/** Seconds, as long as somebody counts them. */
function left(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds <= 120 ? `${seconds} s` : duration(ms);
}
