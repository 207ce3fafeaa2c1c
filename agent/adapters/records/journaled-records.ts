import { AgentError } from "../../core/errors.ts";
import type { NumberedRecord, RecordLedger } from "../../core/record-ledger.ts";
import type { SessionSummary } from "../../core/session.ts";
import type { RecordCounts } from "../../core/views.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { RecordedEvent, RecordStore } from "../../ports/records.ts";
import { batchEntries } from "./batch-entries.ts";
import { compact, worthCompacting } from "./compaction.ts";
import type { Journal } from "./journal.ts";
import { decodeLine } from "./journal-line.ts";
import { type Call, JournalWriter } from "./journal-writer.ts";
import { index } from "./load-journal.ts";
import { type RecordLimits, tooMany } from "./record-limits.ts";
import type { KeptLines, WaitingLine } from "./waiting-lines.ts";

/** A disk that hangs must not keep the agent from ending. */
const CLOSE_DEADLINE_MS = 5_000;

export interface RecordParts {
  readonly journal: Journal;
  readonly ledger: RecordLedger;
  readonly kept: KeptLines;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
  /** Of each new record, once it is on disk: lost sessions too, and none twice. */
  readonly onRecord: (summary: SessionSummary) => void;
}

/**
 * A journal, and in memory what its lines add up to. A call that the disk refuses leaves everything
 * as it was: make it again.
 */
export class JournaledRecords implements RecordStore {
  readonly #parts: Omit<RecordParts, "kept">;
  readonly #writer: JournalWriter;
  #kept: KeptLines;
  #closed = false;
  #counts: RecordCounts;
  readonly #countListeners = new Set<(counts: RecordCounts) => void>();
  /** Per boot, the highest number that was given to be sent. */
  readonly #given = new Map<string, number>();
  /** Boots with an acknowledgement that the journal does not know yet. */
  readonly #unwritten = new Set<string>();
  /** What the journal holds besides waiting records when it is fresh. */
  #overheadBytes = 0;

  constructor(parts: RecordParts) {
    this.#parts = parts;
    this.#kept = parts.kept;
    this.#counts = { waiting: parts.kept.waiting.count, dropped: parts.ledger.dropped };
    this.#writer = new JournalWriter(parts.journal, parts.ledger, {
      onDisk: (entry, place) => {
        index(this.#kept.waiting, parts.ledger, entry, place);
        if (entry.is === "closed") parts.onRecord(entry.summary);
      },
      afterWrite: () => this.#count(),
      afterBatch: () => this.#tidy(),
    });
  }

  get counts(): RecordCounts {
    return this.#counts;
  }

  onCounts(listener: (counts: RecordCounts) => void): () => void {
    this.#countListeners.add(listener);
    return () => void this.#countListeners.delete(listener);
  }

  commit(batch: readonly RecordedEvent[]): Promise<void> {
    if (this.#closed) {
      const message = "The store of session records is closed: this process is ending";
      return Promise.reject(new AgentError("records.closed", message, { retryable: false }));
    }
    const { ledger, clock } = this.#parts;
    return new Promise((resolve, reject) => {
      this.#writer.push({ lines: () => batchEntries(batch, ledger, clock.now().wallMs), resolve, reject });
    });
  }

  progress(sessionId: string, bytesFromClient: number, bytesToClient: number): void {
    const { ledger, clock } = this.#parts;
    ledger.hear(sessionId, { atMs: clock.now().wallMs, bytesFromClient, bytesToClient });
  }

  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined {
    for (const bootId of this.#parts.ledger.bootIds()) {
      const records: NumberedRecord[] = [];
      for (const line of this.#kept.waiting.of(bootId)) {
        if (records.length === limit) break;
        const record = this.#read(line);
        if (record !== undefined) records.push(record);
      }
      const last = records.at(-1);
      if (last === undefined) continue;
      this.#given.set(bootId, Math.max(this.#given.get(bootId) ?? 0, Number(last.sequence)));
      return { bootId, records };
    }
    return undefined;
  }

  acknowledge(bootId: string, upToSequence: bigint): void {
    const { ledger } = this.#parts;
    const upTo = Math.min(Number(upToSequence), this.#given.get(bootId) ?? 0);
    const entry = ledger.forgotten(bootId, upTo);
    if (entry === undefined) return;
    ledger.apply(entry);
    this.#kept.waiting.forget(bootId, upTo);
    this.#count();
    this.#noteForgotten(bootId);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { journal, clock } = this.#parts;
    const waited = new AbortController();
    // A file closes only after what is under way on it: that is part of the wait.
    const closed = this.#writer.idle().then(() => journal.close());
    try {
      await Promise.race([closed, clock.sleep(CLOSE_DEADLINE_MS, waited.signal)]);
    } finally {
      waited.abort();
    }
  }

  /**
   * Writes the journal anew with what counts; not beside other calls. A disk that refuses costs
   * only the space.
   */
  async compact(): Promise<void> {
    const { journal, ledger, log } = this.#parts;
    try {
      await compact(journal, ledger, this.#kept, (moved) => {
        this.#overheadBytes = journal.durableBytes - moved.waiting.bytes;
        this.#kept = moved;
        // Acknowledged while the journal was being written.
        for (const bootId of ledger.bootIds()) moved.waiting.forget(bootId, ledger.forgottenUpTo(bootId));
      });
    } catch (err) {
      this.#overheadBytes = journal.durableBytes;
      log.warn({ err }, "records.not-compacted");
    }
  }

  /**
   * One line for all acknowledgements that come before it is written; a disk that refuses leaves it
   * to the next one.
   */
  #noteForgotten(bootId: string): void {
    if (this.#closed || this.#unwritten.has(bootId)) return;
    const { ledger, log } = this.#parts;
    this.#unwritten.add(bootId);
    this.#writer.push({
      lines: () => {
        this.#unwritten.delete(bootId);
        return [ledger.forgottenSoFar(bootId)];
      },
      resolve: () => undefined,
      reject: (err) => log.warn({ err }, "records.acknowledgement-not-written"),
    });
  }

  #count(): void {
    const waiting = this.#kept.waiting.count;
    const { dropped } = this.#parts.ledger;
    if (waiting === this.#counts.waiting && dropped === this.#counts.dropped) return;
    this.#counts = { waiting, dropped };
    for (const listener of this.#countListeners) listener(this.#counts);
  }

  async #tidy(): Promise<void> {
    const { journal, ledger, limits, log } = this.#parts;
    const excess = tooMany(this.#kept.waiting, ledger, limits);
    if (excess !== undefined) {
      const { bootId, upTo, count } = excess;
      const lines: Call["lines"] = () => [ledger.forgotten(bootId, upTo), ledger.countDropped(count)];
      const reject = (err: unknown): void => log.warn({ err }, "records.not-dropped");
      const resolve = (): void => log.error({ ...excess, total: ledger.dropped }, "records.dropped");
      await this.#writer.commit([{ lines, resolve, reject }]);
    }
    const use = {
      sizeBytes: journal.durableBytes,
      waitingBytes: this.#kept.waiting.bytes,
      overheadBytes: this.#overheadBytes,
    };
    if (worthCompacting(use, limits.leastGarbageBytes)) await this.compact();
  }

  #read(line: WaitingLine): NumberedRecord | undefined {
    const bytes = this.#parts.journal.read(line);
    const decoded = decodeLine(bytes.subarray(0, -1));
    if (decoded.is === "entry" && decoded.entry.is === "closed")
      return { sequence: BigInt(line.sequence), summary: decoded.entry.summary };
    this.#parts.log.error({ sequence: line.sequence, offset: line.offset }, "records.unreadable");
    return undefined;
  }
}
