import { setImmediate as nextTurn } from "node:timers/promises";
import type { JournalEntry } from "../../core/journal-entry.ts";
import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Journal, Place } from "./journal.ts";
import { encodeLine } from "./journal-line.ts";

/** So many calls share one write and one sync at most. */
const BATCH = 1_000;

/** Some 128 KiB. */
const LINES_A_WRITE = 256;

/**
 * A hello may bring 100,000 records: whatever else this process does must not wait for all of them.
 */
const LINES_A_TURN = 1_000;

export interface Call {
  /**
   * Which lines it asks for, given what stands before it. Each is applied before the next one is
   * asked for.
   */
  readonly lines: () => Iterable<JournalEntry | undefined>;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

export interface WriterHooks {
  /** For each line once it is on disk, in order. */
  readonly onDisk: (entry: JournalEntry, place: Place) => void;
  /** Once all lines of one write are on disk, before their callers hear of it. */
  readonly afterWrite: () => void;
  /** Between two batches: nothing else writes meanwhile. */
  readonly afterBatch: () => Promise<void>;
}

/**
 * The journal's one writer: takes all calls that have gathered, applies their lines, writes them,
 * syncs once, and answers them together. A batch that the disk refuses leaves the ledger as it was.
 */
export class JournalWriter {
  readonly #journal: Journal;
  readonly #ledger: RecordLedger;
  readonly #hooks: WriterHooks;
  readonly #calls: Call[] = [];
  #running: Promise<void> | undefined;

  constructor(journal: Journal, ledger: RecordLedger, hooks: WriterHooks) {
    this.#journal = journal;
    this.#ledger = ledger;
    this.#hooks = hooks;
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
      let asked = 0;
      for (const call of batch) {
        for (const entry of call.lines()) {
          asked += 1;
          if (asked % LINES_A_TURN === 0) await nextTurn();
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
        await this.#hooks.afterBatch();
      }
    } finally {
      // In the same turn as the last look at the calls: one that comes later must find nobody
      // running.
      this.#running = undefined;
    }
  }

  async #append(entries: readonly JournalEntry[]): Promise<void> {
    const lengths: number[] = [];
    let offset = this.#journal.durableBytes;
    await this.#journal.append(encoded(entries, lengths));
    for (const [at, entry] of entries.entries()) {
      const length = lengths[at] ?? 0;
      this.#hooks.onDisk(entry, { offset, length });
      offset += length;
      if (at % LINES_A_TURN === LINES_A_TURN - 1) await nextTurn();
    }
    this.#ledger.trim();
    this.#hooks.afterWrite();
  }
}

/** A part at a time, so that all of them are never in memory at once. */
function* encoded(entries: readonly JournalEntry[], lengths: number[]): Generator<Buffer, void, undefined> {
  for (let from = 0; from < entries.length; from += LINES_A_WRITE) {
    const lines = entries.slice(from, from + LINES_A_WRITE).map(encodeLine);
    for (const line of lines) lengths.push(line.byteLength);
    yield Buffer.concat(lines);
  }
}
