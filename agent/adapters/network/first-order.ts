import { AgentError } from "../../core/errors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../core/network/order.ts";
import { type Asking, ask } from "../../wire/ask.ts";
import { ESTABLISH } from "./protocol.ts";

/** An order and its trial as one request, which one process carries out: a boot waits for both. */
export class FirstOrder {
  readonly #applied: Promise<AppliedNetwork>;
  readonly #report: Promise<IsolationReport>;
  readonly #given = new AbortController();

  constructor(order: NetworkOrder, asking: Pick<Asking<object>, "socketPath" | "deadlineMs" | "connection">) {
    let step = (_: { readonly network: AppliedNetwork }): void => undefined;
    const applied = new Promise<AppliedNetwork>((resolve) => (step = ({ network }) => resolve(network)));
    const options = { ...asking, signal: this.#given.signal, deadlineIsOfSilence: true, onStep: step } as const;
    this.#report = ask(ESTABLISH, { order }, options).then(({ report }) => report);
    // What comes before the step is the order's failure.
    this.#applied = Promise.race([applied, this.#report.then(() => Promise.reject(answeredTooSoon()))]);
    // Nobody need wait for the trial.
    this.#applied.catch(() => undefined);
    this.#report.catch(() => undefined);
  }

  /**
   * `signal` gives up both, and nothing once this has resolved. @throws As `BuildNetwork.apply`.
   */
  applied(signal: AbortSignal): Promise<AppliedNetwork> {
    return this.#until(this.#applied, signal);
  }

  /** @throws As `BuildNetwork.verify`. */
  verified(signal: AbortSignal): Promise<IsolationReport> {
    return this.#until(this.#report, signal);
  }

  /** Ends the trial. The order has been carried out, or will be. */
  giveUp(reason?: unknown): void {
    this.#given.abort(reason);
  }

  async #until<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
    const stop = (): void => this.giveUp(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) stop();
      return await outcome;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

function answeredTooSoon(): AgentError {
  const told = "The builds' network was said to be tried before it was said to be in force";
  return new AgentError("network.malformed", told, { retryable: true });
}
