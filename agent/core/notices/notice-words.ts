import { rfc3339 } from "../moment.ts";
import { shownWords } from "../shown-words.ts";
import { MEANINGS } from "./meanings.ts";
import type { HeardNotice } from "./notice.ts";

/** Of the platform's own words. */
const MOST_CHARS = 120;

/** One sentence for people, without its full stop: what is done to this machine, and when. */
export function noticeInWords({ kind, words, dueAt }: HeardNotice): string {
  const { says, leastMs } = MEANINGS[kind];
  const when = dueAt === undefined ? "" : ` ${leastMs === undefined ? "at" : "from"} ${rfc3339(dueAt.wallMs)}`;
  return `${says}${when}${words === undefined ? "" : ` (${quoted(words)})`}`;
}

/** Others' words, on one line and bounded. */
function quoted(words: string): string {
  const plain = shownWords(words.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim());
  return plain.length > MOST_CHARS ? `${plain.slice(0, MOST_CHARS)}…` : plain;
}
