import type { LoopStatus } from "../core/loop-status.ts";
import { type Reconciled, reconciliationTrace } from "../core/traces/told-as-traces.ts";
import type { Clock } from "../ports/clock.ts";
import type { Traces } from "../ports/traces.ts";

/** Where a loop tells how it fares. */
export interface LoopReport {
  succeeded(): void;
  /** @param retryInMs Infinity: not before something else is wanted. */
  failed(because: string, retryInMs: number): void;
  /** What was tried for one wish: told as a trace, and nowhere else. */
  reconciled(done: Reconciled): void;
}

/** The one page of one loop. */
export class LoopJournal implements LoopReport {
  readonly #clock: Clock;
  readonly #traces: Pick<Traces, "tell">;
  #status: LoopStatus;

  constructor(name: string, clock: Clock, traces: Pick<Traces, "tell">) {
    this.#clock = clock;
    this.#traces = traces;
    this.#status = { name, at: "running", sinceMs: clock.now().wallMs, failures: 0, lastFailure: "" };
  }

  get status(): LoopStatus {
    return this.#status;
  }

  succeeded(): void {
    const { name, at, sinceMs } = this.#status;
    const { wallMs } = this.#clock.now();
    const since = at === "running" ? sinceMs : wallMs;
    this.#status = { name, at: "running", sinceMs: since, lastSuccessMs: wallMs, failures: 0, lastFailure: "" };
  }

  failed(because: string, retryInMs: number): void {
    const { nextTryMs: _, ...status } = this.#status;
    const { wallMs } = this.#clock.now();
    this.#status = {
      ...status,
      at: "pausing",
      sinceMs: status.at === "pausing" ? status.sinceMs : wallMs,
      failures: status.failures + 1,
      lastFailure: because,
      ...(Number.isFinite(retryInMs) && { nextTryMs: wallMs + retryInMs }),
    };
  }

  reconciled(done: Reconciled): void {
    this.#traces.tell(reconciliationTrace(this.#status.name, done));
  }

  ended(): void {
    const { nextTryMs: _, ...status } = this.#status;
    this.#status = { ...status, at: "ended", sinceMs: this.#clock.now().wallMs };
  }
}
