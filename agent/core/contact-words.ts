import type { Contact } from "./head.ts";
import { clockTime, duration } from "./time-words.ts";

/** As the agent sees it, and as whoever reads its `/status` has it. */
type Told = { readonly [K in keyof Omit<Contact, "lastFailure">]?: Contact[K] | undefined };

/**
 * How it stands with the control plane: "attached, last word 3 s ago", "not attached, last word 1
 * min 37 s ago, next try in 40 s, new builds refused from 00:22:40 UTC".
 */
export function contactInWords({ attached, lastHeardAtMs, nextTryAtMs, admitsUntilMs }: Told, nowMs: number): string {
  const heard = lastHeardAtMs === undefined ? "not heard yet" : `last word ${duration(nowMs - lastHeardAtMs)} ago`;
  if (attached === true) return `attached, ${heard}`;
  const parts = ["not attached", heard, nextTry(nextTryAtMs, nowMs)];
  if (admitsUntilMs !== undefined)
    parts.push(`new builds refused ${admitsUntilMs <= nowMs ? "since" : "from"} ${clockTime(admitsUntilMs, nowMs)}`);
  return parts.join(", ");
}

function nextTry(atMs: number | undefined, nowMs: number): string {
  return atMs === undefined || atMs <= nowMs ? "trying now" : `next try in ${duration(atMs - nowMs)}`;
}
