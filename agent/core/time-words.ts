const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A length of time in the two largest units that say something: "3 d 4 h", "12 min", "0 s". */
export function duration(ms: number): string {
  const parts: string[] = [];
  let left = Math.max(0, ms);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}

/** A piece of a message: words, or a moment with the word that stood before it. */
export type Piece = string | Moment;

export interface Moment {
  readonly ms: number;
  readonly before?: string;
}

/** What goes with a moment, and is said otherwise of one that is some time from now. */
const MOMENT = /(?:\b(since|from|at|until) )?\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z)/g;

/**
 * Messages hold moments in RFC 3339, so that they stay the same from look to look. Whoever shows
 * one to a person takes it apart here, and says how long ago that is, or when it will be.
 */
export function piecesOf(message: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of message.matchAll(MOMENT)) {
    const [whole, before, moment = ""] = found;
    const ms = Date.parse(moment);
    // Others' words may only look like one: there is no 45th of a month.
    if (Number.isNaN(ms)) continue;
    pieces.push(message.slice(at, found.index), { ms, ...(before && { before }) });
    at = found.index + whole.length;
  }
  return [...pieces, message.slice(at)].filter((piece) => piece !== "");
}

/** With the word before it: "for 1 min 37 s", "3 min ago", "in 59 min", "for 59 min more". */
export function fromNow({ ms, before }: Moment, nowMs: number): string {
  const span = duration(Math.abs(nowMs - ms));
  if (ms > nowMs) return before === "until" ? `for ${span} more` : `in ${span}`;
  return before === "since" ? `for ${span}` : `${span} ago`;
}

/** "00:22:40 UTC", with its date where that is not today's. */
export function clockTime(ms: number, nowMs: number): string {
  const [day = "", time = ""] = new Date(ms).toISOString().slice(0, 19).split("T");
  return `${new Date(nowMs).toISOString().startsWith(day) ? "" : `${day} `}${time} UTC`;
}

/**
 * A message as a terminal shows it: "for 1 min 37 s (since 00:17:40 UTC)", "from 00:22:40 UTC (in 3
 * min)".
 */
export function withTimes(message: string, nowMs: number): string {
  return piecesOf(message)
    .map((piece) => (typeof piece === "string" ? piece : inFull(piece, nowMs)))
    .join("");
}

function inFull({ ms, before }: Moment, nowMs: number): string {
  const time = clockTime(ms, nowMs);
  if (before === "since" && ms <= nowMs) return `${fromNow({ ms, before }, nowMs)} (since ${time})`;
  return `${before === undefined ? "" : `${before} `}${time} (${fromNow({ ms }, nowMs)})`;
}
