import { AgentError } from "../../core/errors.ts";
import { lostSession, type NumberedRecord, type RecordLedger } from "../../core/record-ledger.ts";
import type { SessionOpening, SessionSummary } from "../../core/session.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { RecordStore } from "../../ports/records.ts";
import { compact, worthCompacting } from "./compaction.ts";
import type { Journal } from "./journal.ts";
import { decodeLine } from "./journal-line.ts";
import { type Call, JournalWriter } from "./journal-writer.ts";
import { index } from "./load-journal.ts";
import { type RecordLimits, tooMany } from "./record-limits.ts";
import type { WaitingLine, WaitingLines } from "./waiting-lines.ts";

/** A disk that hangs must not keep the agent from ending. */
const CLOSE_DEADLINE_MS = 5_000;

export interface RecordParts {
  readonly journal: Journal;
  readonly ledger: RecordLedger;
  readonly waiting: WaitingLines;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
  /** Of each new record, once it is on disk: lost sessions too, and none twice. */
  readonly onRecord: (summary: SessionSummary) => void;
}

/** A journal, and in memory what its lines add up to. A call that the disk refuses leaves everything as it was: make it again. */
export class JournaledRecords implements RecordStore {
  readonly #parts: Omit<RecordParts, "waiting">;
  readonly #writer: JournalWriter;
  #waiting: WaitingLines;
  #closed = false;
  /** What the journal holds besides waiting records when it is fresh. */
  #overheadBytes = 0;

  constructor(parts: RecordParts) {
    this.#parts = parts;
    this.#waiting = parts.waiting;
    this.#writer = new JournalWriter(parts.journal, parts.ledger, {
      onDisk: (entry, place) => {
        index(this.#waiting, parts.ledger, entry, place);
        if (entry.is === "closed") parts.onRecord(entry.summary);
      },
      afterBatch: () => this.#tidy(),
    });
  }

  get counts(): { readonly waiting: number; readonly dropped: number } {
    return { waiting: this.#waiting.count, dropped: this.#parts.ledger.dropped };
  }

  opened(gatewayRunId: string, opening: SessionOpening): Promise<void> {
    const { ledger, clock } = this.#parts;
    ledger.hear(opening.sessionId, { atMs: clock.now().wallMs });
    return this.#call(() => [ledger.opened(gatewayRunId, opening)]);
  }

  closed(_gatewayRunId: string, summary: SessionSummary): Promise<void> {
    return this.#call(() => [this.#parts.ledger.closed(summary)]);
  }

  settle(gatewayRunId: string, stillOpen: ReadonlySet<string>): Promise<void> {
    const { ledger } = this.#parts;
    return this.#call(function* () {
      for (const session of ledger.lost(gatewayRunId, stillOpen)) yield ledger.closed(lostSession(session));
    });
  }

  progress(sessionId: string, bytesFromClient: number, bytesToClient: number): void {
    const { ledger, clock } = this.#parts;
    ledger.hear(sessionId, { atMs: clock.now().wallMs, bytesFromClient, bytesToClient });
  }

  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined {
    for (const bootId of this.#parts.ledger.bootIds()) {
      const records: NumberedRecord[] = [];
      for (const line of this.#waiting.of(bootId)) {
        if (records.length === limit) break;
        const record = this.#read(line);
        if (record !== undefined) records.push(record);
      }
      if (records.length > 0) return { bootId, records };
    }
    return undefined;
  }

  acknowledge(bootId: string, upToSequence: bigint): Promise<void> {
    return this.#forget(bootId, Number(upToSequence));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const waited = new AbortController();
    await Promise.race([this.#writer.idle(), this.#parts.clock.sleep(CLOSE_DEADLINE_MS, waited.signal)]);
    waited.abort();
    await this.#parts.journal.close();
  }

  /** Writes the journal anew with what counts; not beside other calls. A disk that refuses costs only the space. */
  async compact(): Promise<void> {
    const { journal, ledger, log } = this.#parts;
    try {
      this.#waiting = await compact(journal, ledger, this.#waiting);
      this.#overheadBytes = journal.durableBytes - this.#waiting.bytes;
    } catch (err) {
      this.#overheadBytes = journal.durableBytes;
      log.warn({ err }, "records.not-compacted");
    }
  }

  #call(lines: Call["lines"]): Promise<void> {
    if (this.#closed) {
      const message = "The store of session records is closed: this process is ending";
      return Promise.reject(new AgentError("records.closed", message, { retryable: false }));
    }
    return new Promise((resolve, reject) => this.#writer.push({ lines, resolve, reject }));
  }

  /** What the disk refuses to note is forgotten all the same: at worst it is told again after a restart, which the contract allows. */
  async #forget(bootId: string, upTo: number): Promise<void> {
    const { ledger, log } = this.#parts;
    try {
      await this.#call(() => [ledger.forgotten(bootId, upTo)]);
    } catch (err) {
      log.warn({ err }, "records.acknowledgement-not-written");
      const entry = ledger.forgotten(bootId, upTo);
      if (entry === undefined) return;
      ledger.apply(entry);
      this.#waiting.forget(bootId, upTo);
    }
  }

  async #tidy(): Promise<void> {
    const { journal, ledger, limits, log } = this.#parts;
    const excess = tooMany(this.#waiting, ledger, limits);
    if (excess !== undefined) {
      const { bootId, upTo, count } = excess;
      const lines: Call["lines"] = () => [ledger.forgotten(bootId, upTo), ledger.countDropped(count)];
      const reject = (err: unknown): void => log.warn({ err }, "records.not-dropped");
      const resolve = (): void => log.error({ ...excess, total: ledger.dropped }, "records.dropped");
      await this.#writer.commit([{ lines, resolve, reject }]);
    }
    const use = {
      sizeBytes: journal.durableBytes,
      waitingBytes: this.#waiting.bytes,
      overheadBytes: this.#overheadBytes,
    };
    if (worthCompacting(use, limits.leastGarbageBytes)) await this.compact();
  }

  #read(line: WaitingLine): NumberedRecord | undefined {
    const bytes = this.#parts.journal.read(line);
    const entry = decodeLine(bytes.subarray(0, -1));
    if (entry?.is === "closed") return { sequence: BigInt(line.sequence), summary: entry.summary };
    this.#parts.log.error({ sequence: line.sequence, offset: line.offset }, "records.unreadable");
    return undefined;
  }
}
