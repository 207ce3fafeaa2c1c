import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { Recent } from "./recent.ts";

const RENEWALS_AN_HOUR = 6;
/** No back-off is as quick as this for a whole minute: a loop without a pause is. */
const CALLS_A_MINUTE = 120;

/**
 * Renewals that succeeded count, in one boot: of what was before it a machine knows nothing. A
 * gateway that starts anew has a new key: the renewal that certifies it, however late it can, comes
 * beside them.
 */
export class TheControlPlaneIsAskedRarely implements Invariant {
  readonly name = "the-control-plane-is-asked-rarely";
  readonly promise = `Renewals are at most ${RENEWALS_AN_HOUR} an hour, and no call is made in a hot loop`;
  readonly #renewals = new Recent(3_600_000);
  #isKeyNew = false;
  readonly #calls = new Map<string, Recent>();

  note(fact: Fact, now: Moment): string | undefined {
    if (fact.is === "rebooted") this.#renewals.clear();
    if (fact.is === "gateway-started") this.#isKeyNew = true;
    if (fact.is === "called") return this.#call(fact.call, now);
    if (fact.is !== "renewed") return undefined;
    if (this.#isKeyNew) {
      this.#isKeyNew = false;
      return undefined;
    }
    const count = this.#renewals.add(now.monoMs);
    return count > RENEWALS_AN_HOUR ? `${count} renewals within an hour` : undefined;
  }

  #call(call: string, now: Moment): string | undefined {
    const calls = this.#calls.get(call) ?? new Recent(60_000);
    this.#calls.set(call, calls);
    const count = calls.add(now.monoMs);
    return count > CALLS_A_MINUTE ? `${call} was called ${count} times within a minute` : undefined;
  }
}
