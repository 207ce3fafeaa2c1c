import { clockTime, duration, fromNow, piecesOf } from "../../core/time-words.ts";
import { type Html, html } from "./html.ts";

/** A message with each moment as "for 2 min", "3 s ago" or "in 59 min"; pointing tells which. */
export function message(words: string, nowMs: number): Html {
  return html`${piecesOf(words).map((piece) =>
    typeof piece === "string" ? html`${piece}` : moment(piece.ms, fromNow(piece, nowMs), nowMs),
  )}`;
}

/** "3 min ago", "in 59 min". */
export function relative(ms: number, nowMs: number): Html {
  return moment(ms, fromNow({ ms }, nowMs), nowMs);
}

/** How long it is so: "3 min". */
export function elapsed(sinceMs: number, nowMs: number): Html {
  return moment(sinceMs, duration(nowMs - sinceMs), nowMs);
}

function moment(ms: number, words: string, nowMs: number): Html {
  return html`<time datetime="${new Date(ms).toISOString()}" title="${clockTime(ms, nowMs)}">${words}</time>`;
}
