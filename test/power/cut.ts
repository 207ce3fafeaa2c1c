import type { Dice } from "../gateway/http2/dice.ts";
import type { LoggedRequest } from "./write-log.ts";

/** What of a disk's requests outlived a power cut. */
export interface Cut {
  /** The power went when so many requests had been answered, or were under way. */
  readonly after: number;
  readonly how: "in order" | "out of order";
  /** All before this one are on the medium: a flush came after them. */
  readonly durable: number;
  /** Those from `durable` on that reached the medium as well, in order. */
  readonly survivors: readonly Survivor[];
}

export interface Survivor {
  readonly index: number;
  /** Less than the whole: torn between two sectors. */
  readonly length: number;
}

/** In half of the cuts a drive has written what it pleased of what nobody had it flush. */
const OUT_OF_ORDER = 0.5;
const TORN = 0.1;

/**
 * Cuts after `after` requests. What a drive has answered and not flushed may be on the medium or
 * not, each request for itself, in any order; of one that was under way a part may be, to a sector.
 */
export function cutAfter(requests: readonly LoggedRequest[], after: number, sectorBytes: number, dice: Dice): Cut {
  const durable = Math.max(
    0,
    requests.slice(0, after).findLastIndex(({ flushesBefore }) => flushesBefore),
  );
  const how = dice.chance(OUT_OF_ORDER) ? "out of order" : "in order";
  const share = dice.pick([0.1, 0.5, 0.9]);
  const survivors: Survivor[] = [];
  for (const [at, { length, forced, is }] of requests.slice(durable, after).entries()) {
    const index = durable + at;
    if (how === "out of order" && !forced && !dice.chance(share)) continue;
    const isLast = index === after - 1;
    const torn = is === "write" && length > sectorBytes && (isLast || (!forced && how === "out of order"));
    survivors.push({
      index,
      length: torn && dice.chance(TORN) ? sectorBytes * (1 + dice.upTo(length / sectorBytes - 1)) : length,
    });
  }
  return { after, how, durable, survivors };
}
