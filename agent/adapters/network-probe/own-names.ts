import type { NetworkFacts } from "../../core/network/facts.ts";
import { ownQuestions } from "../../core/network/probe-plan.ts";
import { PERMITTED_MS, type ProbeVia } from "../../core/network/probe-target.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { askOverTcp, askOverUdp } from "./ask-names.ts";

/**
 * This machine's own questions to those who answer builds: asked when this is made, until it is
 * disposed.
 */
export class OwnNames implements AsyncDisposable {
  /** How somebody has answered by now. */
  readonly answered = new Set<ProbeVia>();
  readonly #limit = new Deadline(PERMITTED_MS, new AbortController().signal);
  readonly #asked: Promise<unknown>;

  constructor(facts: NetworkFacts) {
    this.#asked = Promise.all(
      ownQuestions(facts).map(async ({ via, host, port }) => {
        const ask = via === "dns-udp" ? askOverUdp : askOverTcp;
        const { is } = await ask(host, port, this.#limit.signal).catch(() => ({ is: "silent" }));
        if (is === "answered") this.answered.add(via);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#limit[Symbol.dispose]();
    await this.#asked;
  }
}
