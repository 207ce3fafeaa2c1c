import { Cell } from "../../agent/lifecycle/cell.ts";
import { Queue } from "../../agent/lifecycle/queue.ts";
import type { BuildkitUnit, UnitStatus } from "../../agent/ports/buildkit.ts";
import type { Entry } from "./launcher-bench.ts";

/** A unit that remembers what was asked of it, and what had been told in the journal by then. */
export class StandInUnit implements BuildkitUnit {
  readonly asked: (readonly [verb: string, argument?: string | number])[] = [];
  readonly carriedOut: string[] = [];
  readonly status = new Cell<UnitStatus>({ at: "stopped" });
  journalAtStop: readonly Entry[] = [];
  watchers = 0;
  failure: Error | undefined;
  /** A verb waits for it. */
  pace: Promise<void> = Promise.resolve();
  readonly #journal: () => Promise<readonly Entry[]>;

  constructor(journal: () => Promise<readonly Entry[]> = async () => []) {
    this.#journal = journal;
  }

  configure(toml: string): Promise<void> {
    return this.#take("configure", toml);
  }

  start(): Promise<void> {
    return this.#take("start");
  }

  async stop(graceMs: number): Promise<void> {
    this.journalAtStop = await this.#journal();
    await this.#take("stop", graceMs);
  }

  async *statuses(signal: AbortSignal): AsyncGenerator<UnitStatus, void, undefined> {
    this.watchers += 1;
    const changes = new Queue<UnitStatus>();
    const unwatch = this.status.watch(() => changes.push(this.status.get()));
    try {
      yield this.status.get();
      yield* changes.drain(signal);
    } finally {
      unwatch();
      this.watchers -= 1;
    }
  }

  async #take(verb: string, argument?: string | number): Promise<void> {
    this.asked.push(argument === undefined ? [verb] : [verb, argument]);
    await this.pace;
    if (this.failure !== undefined) throw this.failure;
    this.carriedOut.push(verb);
  }
}
