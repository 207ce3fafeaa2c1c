import type { Refusal } from "./refusal.ts";

export type Method = "getChallenge" | "register" | "renewCertificates" | "attach";

/** What a test lets this control plane do wrong. Nothing, at first. */
export class Faults {
  /**
   * Streams stay open, but nothing is sent on them: neither state, nor heartbeat, nor
   * acknowledgement.
   */
  silent = false;
  /** Records are stored, and the agent never hears of it. */
  swallowAcks = false;
  readonly #answers = new Map<Method, Refusal>();

  /** From now on, each such call fails with this; undefined: it works again. */
  answer(method: Method, refusal: Refusal | undefined): void {
    if (refusal === undefined) this.#answers.delete(method);
    else this.#answers.set(method, refusal);
  }

  /** @throws {Refusal} what was ordered for this method. */
  check(method: Method): void {
    const refusal = this.#answers.get(method);
    if (refusal !== undefined) throw refusal;
  }
}
