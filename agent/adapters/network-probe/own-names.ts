import type { NetworkFacts } from "../../core/network/facts.ts";
import { ownQuestions } from "../../core/network/probe-plan.ts";
import { PERMITTED_MS, type ProbeVia } from "../../core/network/probe-target.ts";
import { askOverTcp, askOverUdp } from "./ask-names.ts";

/** This machine's own questions to those who answer builds: asked when this is made, until it is disposed. */
export class OwnNames implements AsyncDisposable {
  /** How somebody has answered by now. */
  readonly answered = new Set<ProbeVia>();
  readonly #over = new AbortController();
  readonly #asked: Promise<unknown>;

  constructor(facts: NetworkFacts) {
    const limit = AbortSignal.any([this.#over.signal, AbortSignal.timeout(PERMITTED_MS)]);
    this.#asked = Promise.all(
      ownQuestions(facts).map(async ({ via, host, port }) => {
        const ask = via === "dns-udp" ? askOverUdp : askOverTcp;
        const { is } = await ask(host, port, limit).catch(() => ({ is: "silent" }));
        if (is === "answered") this.answered.add(via);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#asked;
  }
}
