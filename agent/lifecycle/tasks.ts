import { fullJitterMs } from "../core/backoff.ts";
import { inWords } from "../core/errors.ts";
import type { LoopStatus } from "../core/loop-status.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Traces } from "../ports/traces.ts";
import { LoopJournal, type LoopReport } from "./loop-report.ts";

/**
 * A loop that failed comes back after at most this: it watches something that goes on without us.
 */
const COMEBACK = { baseMs: 100, capMs: 5_000 } as const;

type LoopBody = (signal: AbortSignal, report: LoopReport) => Promise<void>;

/**
 * The long-running loops of a process. Each lives as long as the group. One that throws is logged
 * and started again; one that throws what `isFatal` names ends the group, and `ended` rejects with
 * it. Disposing aborts all and waits for them. `loops` tells how each fares; one that returned
 * stays listed.
 */
export class Tasks implements AsyncDisposable {
  /**
   * A signal for each loop: one for all would have so many listeners that Node takes it for a leak.
   */
  readonly #running = new Map<Promise<void>, AbortController>();
  readonly #journals: LoopJournal[] = [];
  readonly #fatal: Promise<never>;
  #fail: (failure: unknown) => void = () => undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #traces: Pick<Traces, "tell">;
  readonly #isFatal: (failure: unknown) => boolean;

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly traces: Pick<Traces, "tell">;
    readonly isFatal: (failure: unknown) => boolean;
  }) {
    this.#clock = options.clock;
    this.#traces = options.traces;
    this.#log = options.log;
    this.#isFatal = options.isFatal;
    this.#fatal = new Promise((_, reject) => (this.#fail = reject));
    this.#fatal.catch(() => undefined);
  }

  /** Rejects with the first fatal failure; never resolves. */
  get ended(): Promise<never> {
    return this.#fatal;
  }

  get loops(): readonly LoopStatus[] {
    return this.#journals.map(({ status }) => status);
  }

  run(name: string, loop: LoopBody): void {
    const abort = new AbortController();
    const journal = new LoopJournal(name, this.#clock, this.#traces);
    this.#journals.push(journal);
    const task = this.#keep(journal, loop, abort.signal).finally(() => {
      this.#running.delete(task);
      journal.ended();
    });
    this.#running.set(task, abort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const abort of this.#running.values()) abort.abort();
    await Promise.all(this.#running.keys());
  }

  async #keep(journal: LoopJournal, loop: LoopBody, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await loop(signal, journal);
        return;
      } catch (err) {
        if (signal.aborted) return;
        if (this.#isFatal(err)) {
          this.#fail(err);
          return;
        }
        this.#log.error({ task: journal.status.name, err }, "task.failed");
        const retryInMs = fullJitterMs(COMEBACK, failures, this.#clock.random());
        journal.failed(inWords(err), retryInMs);
        await this.#clock.sleep(retryInMs, signal);
      }
    }
  }
}
