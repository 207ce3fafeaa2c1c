import type { NumberedRecord } from "../../../agent/core/record-ledger.ts";
import type { RecordCounts } from "../../../agent/core/views.ts";
import type { RecordedEvent, RecordStore } from "../../../agent/ports/records.ts";

/** Session records of one boot, on a disk that answers at once and forgets with the process. */
export class MemoryRecords implements RecordStore {
  readonly #bootId: string;
  readonly #listeners = new Set<(counts: RecordCounts) => void>();
  #waiting: readonly NumberedRecord[] = [];
  #last = 0n;
  #counts: RecordCounts = { waiting: 0, dropped: 0 };

  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  get counts(): RecordCounts {
    return this.#counts;
  }

  async commit(batch: readonly RecordedEvent[]): Promise<void> {
    const closed = batch.flatMap(({ event }) => (event.is === "closed" ? [event.summary] : []));
    const numbered = closed.map((summary, at) => ({ sequence: this.#last + BigInt(at + 1), summary }));
    this.#last += BigInt(closed.length);
    this.#hold([...this.#waiting, ...numbered]);
  }

  progress(): void {
    // Only for the record of a gateway that is lost: this one lives in the same process.
  }

  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined {
    if (this.#waiting.length === 0) return undefined;
    return { bootId: this.#bootId, records: this.#waiting.slice(0, limit) };
  }

  acknowledge(_bootId: string, upToSequence: bigint): void {
    this.#hold(this.#waiting.filter(({ sequence }) => sequence > upToSequence));
  }

  onCounts(listener: (counts: RecordCounts) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #hold(waiting: readonly NumberedRecord[]): void {
    const changed = waiting.length !== this.#counts.waiting;
    this.#waiting = waiting;
    if (!changed) return;
    this.#counts = { waiting: waiting.length, dropped: 0 };
    for (const listener of this.#listeners) listener(this.#counts);
  }
}
