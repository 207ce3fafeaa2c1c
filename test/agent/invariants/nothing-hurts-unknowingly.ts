import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { EndingOrders } from "./ending-orders.ts";

/**
 * Stopping BuildKit, moving the builds' network and cutting all sessions hurt a build. Before an
 * ending's deadline they need a word.
 */
export class NothingHurtsUnknowingly implements Invariant {
  readonly name = "nothing-hurts-unknowingly";
  readonly promise = "Nothing that hurts a build is done without a gateway that says idle";
  readonly #orders = new EndingOrders();

  note(fact: Fact, now: Moment): string | undefined {
    this.#orders.note(fact, now);
    if (fact.is !== "hurt" || fact.known === "idle" || this.#orders.isDue(now)) return undefined;
    const gateway = fact.known === "away" ? "could not be asked" : "said that sessions were open";
    return `${fact.what} while the gateway ${gateway}; ${fact.open} sessions were open`;
  }
}
