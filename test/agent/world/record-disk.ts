import { AgentError } from "../../../agent/core/errors.ts";
import type { NumberedRecord } from "../../../agent/core/record-ledger.ts";
import type { SessionOpening, SessionSummary } from "../../../agent/core/session.ts";
import type { RecordCounts } from "../../../agent/core/views.ts";
import type { RecordedEvent, RecordStore } from "../../../agent/ports/records.ts";
import type { Life } from "./life.ts";
import type { Stage } from "./stage.ts";

interface BootRecords {
  next: bigint;
  readonly waiting: Map<bigint, SessionSummary>;
}

/** What the disk under the records holds: it outlives processes and boots. */
export class RecordDisk {
  syncMs = 5;
  isFull = false;
  /** When the sync that began last is over. */
  syncedAtMonoMs = 0;
  bootId = "";
  readonly open = new Map<
    string,
    { readonly bootId: string; readonly runId: string; readonly opening: SessionOpening }
  >();
  readonly boots = new Map<string, BootRecords>();
  readonly known = new Set<string>();

  get waiting(): number {
    let count = 0;
    for (const { waiting } of this.boots.values()) count += waiting.size;
    return count;
  }

  boot(bootId: string): BootRecords {
    const found = this.boots.get(bootId) ?? { next: 1n, waiting: new Map<bigint, SessionSummary>() };
    this.boots.set(bootId, found);
    return found;
  }
}

interface Write {
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (failure: Error) => void;
}

/**
 * One process's way to that disk: one writer, and all calls that have gathered share its next sync.
 */
export class SimulatedRecords implements RecordStore {
  readonly #stage: Stage;
  readonly #disk: RecordDisk;
  readonly #life: Life;
  readonly #listeners = new Set<(counts: RecordCounts) => void>();
  #writes: Write[] = [];
  #isWriting = false;

  constructor(stage: Stage, disk: RecordDisk, life: Life) {
    this.#stage = stage;
    this.#disk = disk;
    this.#life = life;
  }

  get queued(): number {
    return this.#writes.length;
  }

  get counts(): RecordCounts {
    return { waiting: this.#disk.waiting, dropped: 0 };
  }

  onCounts(listener: (counts: RecordCounts) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  commit(batch: readonly RecordedEvent[]): Promise<void> {
    return this.#write(() => {
      for (const { runId, event } of batch) this.#apply(runId, event);
      this.#tellCounts();
    });
  }

  progress(): void {}

  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined {
    for (const [bootId, { waiting }] of this.#disk.boots) {
      if (waiting.size === 0) continue;
      const records = [...waiting].slice(0, limit).map(([sequence, summary]) => ({ sequence, summary }));
      return { bootId, records };
    }
    return undefined;
  }

  /** In memory at once; this disk notes it without a sync of its own. */
  acknowledge(bootId: string, upToSequence: bigint): void {
    const boot = this.#disk.boots.get(bootId);
    for (const sequence of boot?.waiting.keys() ?? []) if (sequence <= upToSequence) boot?.waiting.delete(sequence);
    this.#stage.trace.note({ is: "record-acknowledged", bootId, upTo: upToSequence });
    this.#tellCounts();
  }

  async close(): Promise<void> {}

  #tellCounts(): void {
    for (const listener of [...this.#listeners]) listener(this.counts);
  }

  #apply(runId: string, event: RecordedEvent["event"]): void {
    switch (event.is) {
      case "hello":
        for (const summary of event.closed) this.#applyClosed(summary);
        for (const opening of event.open) this.#applyOpened(runId, opening);
        return this.#settle(runId, new Set(event.open.map(({ sessionId }) => sessionId)));
      case "opened":
        return this.#applyOpened(runId, event.opening);
      case "closed":
        return this.#applyClosed(event.summary);
      case "present":
        throw new Error("This world's gateway is never replaced");
      default:
        return event satisfies never;
    }
  }

  #settle(runId: string, stillOpen: ReadonlySet<string>): void {
    for (const { runId: other, opening } of [...this.#disk.open.values()]) {
      if (runId === other && stillOpen.has(opening.sessionId)) continue;
      const lost = { durationMs: 0, bytesFromClient: 0, bytesToClient: 0, ending: "gateway-lost", detail: "" } as const;
      this.#applyClosed({ ...opening, ...lost });
    }
  }

  #applyOpened(runId: string, opening: SessionOpening): void {
    const { open, known, bootId } = this.#disk;
    if (open.has(opening.sessionId) || known.has(opening.sessionId)) return;
    open.set(opening.sessionId, { bootId, runId, opening });
    this.#stage.trace.note({ is: "record-on-disk", sessionId: opening.sessionId, what: "opened" });
  }

  #applyClosed(summary: SessionSummary): void {
    const { open, known, bootId } = this.#disk;
    if (known.has(summary.sessionId)) return;
    const boot = this.#disk.boot(open.get(summary.sessionId)?.bootId ?? bootId);
    known.add(summary.sessionId);
    open.delete(summary.sessionId);
    boot.waiting.set(boot.next, summary);
    boot.next += 1n;
    this.#stage.trace.note({ is: "record-on-disk", sessionId: summary.sessionId, what: "closed" });
  }

  #write(apply: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writes.push({ apply, resolve, reject });
      if (!this.#isWriting) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWriting = true;
    // Whoever calls in the same turn comes along.
    await Promise.resolve();
    while (this.#writes.length > 0 && this.#life.isAlive) {
      const batch = this.#writes.splice(0, 1_000);
      this.#disk.syncedAtMonoMs = this.#stage.clock.monoMs + this.#disk.syncMs;
      await this.#stage.clock.wait(this.#disk.syncMs);
      if (!this.#life.isAlive) return;
      if (this.#disk.isFull) {
        const failure = new AgentError("records.not-written", "No space left on device", { retryable: true });
        for (const { reject } of batch) reject(failure);
        continue;
      }
      for (const { apply, resolve } of batch) {
        apply();
        resolve();
      }
    }
    this.#isWriting = false;
  }
}
