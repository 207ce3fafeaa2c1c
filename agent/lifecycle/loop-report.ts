import type { LoopStatus } from "../core/loop-status.ts";
import type { Clock } from "../ports/clock.ts";

/** Where a loop tells how it fares. */
export interface LoopReport {
  succeeded(): void;
  /** @param retryInMs Infinity: not before something else is wanted. */
  failed(because: string, retryInMs: number): void;
}

/** The one page of one loop. */
export class LoopJournal implements LoopReport {
  readonly #clock: Clock;
  #status: LoopStatus;

  constructor(name: string, clock: Clock) {
    this.#clock = clock;
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

  ended(): void {
    const { nextTryMs: _, ...status } = this.#status;
    this.#status = { ...status, at: "ended", sinceMs: this.#clock.now().wallMs };
  }
}
