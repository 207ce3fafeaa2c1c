import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { EndingOrders } from "./ending-orders.ts";

/** An answer that an intermediary can give ends nothing unless it is repeated for so long. */
const REFUSED_FOR_MS = 30 * 60_000;

export class TheMachineComesBack implements Invariant {
  readonly name = "the-machine-comes-back";
  readonly promise = "No task is gone unnoticed: it ends only by an order, and once faults cease it is whole again";
  readonly #orders = new EndingOrders();
  #refusedSinceMonoMs: number | undefined;

  note(fact: Fact, now: Moment): string | undefined {
    this.#orders.note(fact, now);
    switch (fact.is) {
      case "refused-unmarked":
        this.#refusedSinceMonoMs ??= now.monoMs;
        return undefined;
      case "answered":
      case "control-started":
        this.#refusedSinceMonoMs = undefined;
        return undefined;
      case "control-failed":
        return `The control process failed: ${fact.because}`;
      case "control-ended":
        return this.#orders.first === undefined ? this.#unordered(fact.ending, now) : undefined;
      case "spun":
        return "A loop goes round without a pause";
      case "settled":
        return fact.amiss.length === 0 ? undefined : `Long after all faults: ${fact.amiss.join("; ")}`;
      default:
        return undefined;
    }
  }

  #unordered({ ended, reason }: { readonly ended: string; readonly reason: string }, now: Moment): string | undefined {
    const refusedMs = this.#refusedSinceMonoMs === undefined ? 0 : now.monoMs - this.#refusedSinceMonoMs;
    if (ended === "refused" && refusedMs >= REFUSED_FOR_MS) return undefined;
    return `It ended without an order, ${refusedMs} ms after the first refusal without a mark: ${reason}`;
  }
}
