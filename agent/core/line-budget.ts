import type { EventName } from "./events/index.ts";
import { LeakyBucket } from "./leaky-bucket.ts";

/** Of one event, as many lines at once; and as many in a second after that. */
const LINES = { holds: 200, leaksPerMs: 1 / 1_000 };

/**
 * Each of these has a line, however many there are: sessions and calls are what the log is asked
 * for, and who is refused has a limit of its own (gateway/refusals.ts); what daemons say is theirs.
 * Every other event has a budget: one more that another end can bring about cannot be forgotten.
 */
const EACH_HAS_A_LINE: ReadonlySet<string> = new Set<EventName>([
  "session.opened",
  "session.closed",
  "session.refused",
  "call.refused",
  "buildkit.log",
  "tailscaled.log",
]);

interface Account {
  readonly lines: LeakyBucket;
  readonly untold: number;
}

/**
 * What another end brings about a thousand times a second must not fill a disk, whatever its words.
 * Of each event there are so many lines; what is beyond is counted, and told with the next.
 */
export class LineBudget {
  readonly #accounts = new Map<string, Account>();

  /**
   * How many lines of this event were left out before this one; undefined: this one is, too.
   *
   * @param nowMs monotonic
   */
  take(event: string, nowMs: number): number | undefined {
    if (EACH_HAS_A_LINE.has(event)) return 0;
    const account = this.#accounts.get(event) ?? { lines: new LeakyBucket(LINES), untold: 0 };
    const isTold = account.lines.takes(1, nowMs);
    this.#accounts.set(event, { ...account, untold: isTold ? 0 : account.untold + 1 });
    return isTold ? account.untold : undefined;
  }
}
