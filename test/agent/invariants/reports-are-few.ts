import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { Recent } from "./recent.ts";
import { notable } from "./told.ts";

const REPORTS_A_MINUTE = 10;

/**
 * A report that tells nothing notable against the one before it on the same stream is a boring one.
 */
export class ReportsAreFew implements Invariant {
  readonly name = "reports-are-few";
  readonly promise = `Reports are at most ${REPORTS_A_MINUTE} a minute, and one for each notable change`;
  readonly #boring = new Recent(60_000);
  #last: string | undefined;

  note(fact: Fact, now: Moment): string | undefined {
    if (fact.is === "attached") this.#last = undefined;
    if (fact.is !== "reported") return undefined;
    const told = notable(fact.state);
    const isNews = told !== this.#last;
    this.#last = told;
    if (isNews) return undefined;
    const count = this.#boring.add(now.monoMs);
    return count > REPORTS_A_MINUTE ? `${count} reports without news within a minute` : undefined;
  }
}
