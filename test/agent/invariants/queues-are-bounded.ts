import type { Fact } from "../facts.ts";
import type { Invariant } from "../trace.ts";

/** More than this unread at a port, or more timers than this, is not work in progress any more. */
const MOST = 1_024;
/** The gateway keeps so many records for a control that is away, and tells them all at once. */
const MOST_TOLD_AT_ONCE = 16_384 + MOST;

export class QueuesAreBounded implements Invariant {
  readonly name = "queues-are-bounded";
  readonly promise = "No queue grows without bound";

  note(fact: Fact): string | undefined {
    if (fact.is !== "queue") return undefined;
    const most = fact.what.includes("disk") ? MOST_TOLD_AT_ONCE : MOST;
    return fact.size > most ? `${fact.size} ${fact.what}` : undefined;
  }
}
