import type { JournalEntry } from "../../core/journal-entry.ts";
import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Journal, Place } from "./journal.ts";
import { encodeLine } from "./journal-line.ts";

/** So many calls share one write and one sync at most. */
const BATCH = 1_000;

export interface Call {
  /** Which lines it asks for, given what stands before it. Each is applied before the next one is asked for. */
  readonly lines: () => Iterable<JournalEntry | undefined>;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * The journal's one writer: takes all calls that have gathered, applies their lines, writes them, syncs once, and answers them together. A
 * batch that the disk refuses leaves the ledger as it was.
 */
export class JournalWriter {
  readonly #journal: Journal;
  readonly #ledger: RecordLedger;
  readonly #onDisk: (entry: JournalEntry, place: Place) => void;
  readonly #afterBatch: () => Promise<void>;
  readonly #calls: Call[] = [];
  #running: Promise<void> | undefined;

  constructor(
    journal: Journal,
    ledger: RecordLedger,
    hooks: {
      /** For each line once it is on disk, in order. */
      readonly onDisk: (entry: JournalEntry, place: Place) => void;
      /** Between two batches: nothing else writes meanwhile. */
      readonly afterBatch: () => Promise<void>;
    },
  ) {
    this.#journal = journal;
    this.#ledger = ledger;
    this.#onDisk = hooks.onDisk;
    this.#afterBatch = hooks.afterBatch;
  }

  push(call: Call): void {
    this.#calls.push(call);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async commit(batch: readonly Call[]): Promise<void> {
    const undo: (() => void)[] = [];
    const entries: JournalEntry[] = [];
    try {
      for (const call of batch) {
        for (const entry of call.lines()) {
          if (entry === undefined) continue;
          undo.push(this.#ledger.apply(entry));
          entries.push(entry);
        }
      }
      if (entries.length > 0) await this.#append(entries);
      for (const call of batch) call.resolve();
    } catch (failure) {
      for (const takeBack of undo.toReversed()) takeBack();
      for (const call of batch) call.reject(failure);
    }
  }

  async #run(): Promise<void> {
    // Whoever calls in this turn of the event loop comes along.
    await Promise.resolve();
    try {
      while (this.#calls.length > 0) {
        await this.commit(this.#calls.splice(0, BATCH));
        await this.#afterBatch();
      }
    } finally {
      // In the same turn as the last look at the calls: one that comes later must find nobody running.
      this.#running = undefined;
    }
  }

  async #append(entries: readonly JournalEntry[]): Promise<void> {
    const lines = entries.map(encodeLine);
    let offset = this.#journal.durableBytes;
    await this.#journal.append(Buffer.concat(lines));
    for (const [at, entry] of entries.entries()) {
      const length = lines[at]?.byteLength ?? 0;
      this.#onDisk(entry, { offset, length });
      offset += length;
    }
    this.#ledger.trim();
  }
}
