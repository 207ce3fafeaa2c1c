import { ClosedSessions, type Spans } from "./closed-sessions.ts";
import type { JournalEntry } from "./journal-entry.ts";
import type { SessionOpening, SessionSummary } from "./session.ts";

/**
 * A session's record under the number by which the control plane acknowledges it: from 1, without
 * gaps, within its boot.
 */
export interface NumberedRecord {
  readonly sequence: bigint;
  readonly summary: SessionSummary;
}

export interface OpenSession {
  readonly bootId: string;
  readonly runId: string;
  readonly opening: SessionOpening;
  readonly heard: LastHeard;
}

export interface LastHeard {
  readonly atMs: number;
  readonly bytesFromClient: number;
  readonly bytesToClient: number;
}

/** Of closed sessions, in one line of the journal: some 20 kB. */
const SPANS_A_LINE = 1_000;

interface Boot {
  next: number;
  forgottenUpTo: number;
}

/**
 * What the journal's lines add up to, except the records themselves, which stay on disk. The first
 * group of methods says which line a call asks for (undefined: none, it is known already); `apply`
 * takes a line in, and returns how to take it back should the disk refuse it.
 */
export class RecordLedger {
  readonly #bootId: string;
  readonly #boots = new Map<string, Boot>();
  readonly #open = new Map<string, OpenSession>();
  readonly #closed = new ClosedSessions();
  #dropped = 0;

  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  get dropped(): number {
    return this.#dropped;
  }

  opened(runId: string, opening: SessionOpening): JournalEntry | undefined {
    const { sessionId } = opening;
    if (this.#open.has(sessionId) || this.#closed.has(sessionId)) return undefined;
    return { is: "opened", bootId: this.#bootId, next: this.#next(this.#bootId), runId, opening };
  }

  /** A session that was opened in an earlier boot gets that boot's next number. */
  closed(summary: SessionSummary): JournalEntry | undefined {
    if (this.#closed.has(summary.sessionId)) return undefined;
    const bootId = this.#open.get(summary.sessionId)?.bootId ?? this.#bootId;
    return { is: "closed", bootId, next: this.#next(bootId) + 1, summary };
  }

  /** Of the boot's own records only; undefined if that is no news. */
  forgotten(bootId: string, upTo: number): JournalEntry | undefined {
    const boot = this.#boots.get(bootId);
    if (boot === undefined) return undefined;
    const known = Math.min(upTo, boot.next - 1);
    return known > boot.forgottenUpTo ? { is: "forgotten", bootId, next: boot.next, upTo: known } : undefined;
  }

  /**
   * Up to where the boot's records are forgotten now: what was applied before it could be written.
   */
  forgottenSoFar(bootId: string): JournalEntry | undefined {
    const boot = this.#boots.get(bootId);
    return boot && { is: "forgotten", bootId, next: boot.next, upTo: boot.forgottenUpTo };
  }

  countDropped(more: number): JournalEntry {
    return {
      is: "dropped",
      bootId: this.#bootId,
      next: this.#next(this.#bootId),
      total: this.#dropped + more,
    };
  }

  /** Open sessions of another gateway run, and those of this run that it does not know any more. */
  lost(runId: string, stillOpen: ReadonlySet<string>): readonly OpenSession[] {
    return [...this.#open.values()].filter(
      (session) => session.runId !== runId || !stillOpen.has(session.opening.sessionId),
    );
  }

  /** Open sessions of every other run. */
  absent(runIds: ReadonlySet<string>): readonly OpenSession[] {
    return [...this.#open.values()].filter((session) => !runIds.has(session.runId));
  }

  /** Not journalled: known only while this process lives. */
  hear(sessionId: string, heard: Partial<LastHeard>): void {
    const session = this.#open.get(sessionId);
    if (session !== undefined) this.#open.set(sessionId, { ...session, heard: { ...session.heard, ...heard } });
  }

  /** Oldest first. */
  bootIds(): IterableIterator<string> {
    return this.#boots.keys();
  }

  forgottenUpTo(bootId: string): number {
    return this.#boots.get(bootId)?.forgottenUpTo ?? 0;
  }

  apply(entry: JournalEntry): () => void {
    const boot = this.#boot(entry.bootId);
    const { next } = boot;
    boot.next = Math.max(next, entry.next);
    const undoEntry = this.#applyKind(entry, boot);
    return () => {
      undoEntry();
      boot.next = next;
    };
  }

  /**
   * Of a line that says nothing else that this release understands: its numbers are not given
   * again.
   */
  skipTo(bootId: string, next: number): void {
    const boot = this.#boot(bootId);
    boot.next = Math.max(boot.next, next);
  }

  /**
   * After damage at the journal's end: numbers that a lost line may have given are not given again.
   */
  skipNumbers(count: number): void {
    if (count > 0) this.#boot(this.#bootId);
    for (const boot of this.#boots.values()) boot.next += count;
  }

  /**
   * Lets go of what no call can ask for any more. Not to be undone: only once the disk has what was
   * applied.
   */
  trim(): void {
    this.#closed.trim();
    if (this.#boots.size === 1) return;
    const needed = new Set([this.#bootId, ...[...this.#open.values()].map((session) => session.bootId)]);
    for (const [bootId, boot] of this.#boots) {
      if (boot.forgottenUpTo === boot.next - 1 && !needed.has(bootId)) this.#boots.delete(bootId);
    }
  }

  /**
   * Two halves of a journal that says the same in fewer lines: the closed lines that still wait
   * belong between them.
   */
  snapshot(): { readonly before: readonly JournalEntry[]; readonly after: readonly JournalEntry[] } {
    const { next } = this.#boot(this.#bootId);
    const forgotten = [...this.#boots].map(
      ([bootId, boot]): JournalEntry => ({ is: "forgotten", bootId, next: boot.next, upTo: boot.forgottenUpTo }),
    );
    const opened = [...this.#open.values()].map(
      ({ bootId, runId, opening }): JournalEntry => ({
        is: "opened",
        bootId,
        next: this.#next(bootId),
        runId,
        opening,
      }),
    );
    return {
      before: [...forgotten, ...opened],
      after: [
        ...linesOf(this.#closed).map((runs) => ({ is: "closed-before" as const, bootId: this.#bootId, next, runs })),
        { is: "dropped", bootId: this.#bootId, next, total: this.#dropped },
      ],
    };
  }

  #applyKind(entry: JournalEntry, boot: Boot): () => void {
    switch (entry.is) {
      case "opened": {
        const { bootId, runId, opening } = entry;
        const heard = { atMs: opening.openedAtMs, bytesFromClient: 0, bytesToClient: 0 };
        this.#open.set(opening.sessionId, { bootId, runId, opening, heard });
        return () => this.#open.delete(opening.sessionId);
      }
      case "closed": {
        const { sessionId } = entry.summary;
        const session = this.#open.get(sessionId);
        this.#open.delete(sessionId);
        this.#closed.add(sessionId);
        return () => {
          this.#closed.delete(sessionId);
          if (session !== undefined) this.#open.set(sessionId, session);
        };
      }
      case "forgotten": {
        const { forgottenUpTo } = boot;
        boot.forgottenUpTo = Math.max(forgottenUpTo, entry.upTo);
        return () => {
          // Unless an acknowledgement came in the meantime: those are not taken back.
          if (boot.forgottenUpTo === entry.upTo) boot.forgottenUpTo = forgottenUpTo;
        };
      }
      case "dropped": {
        const before = this.#dropped;
        if (entry.bootId === this.#bootId) this.#dropped = entry.total;
        return () => {
          this.#dropped = before;
        };
      }
      // Only an earlier process wrote these: they are read at the start, when there is nothing to
      // undo.
      case "closed-before":
        for (const [runId, spans] of entry.runs) this.#closed.addSpans(runId, spans);
        return () => undefined;
      case "recent":
        for (const sessionId of entry.sessionIds) this.#closed.add(sessionId);
        return () => undefined;
      default:
        return entry satisfies never;
    }
  }

  #next(bootId: string): number {
    return this.#boots.get(bootId)?.next ?? 1;
  }

  #boot(bootId: string): Boot {
    const known = this.#boots.get(bootId);
    if (known !== undefined) return known;
    const boot = { next: 1, forgottenUpTo: 0 };
    this.#boots.set(bootId, boot);
    return boot;
  }
}

/** The record of a session whose gateway ended under it: as far as it was heard of. */
export function lostSession({ opening, heard }: OpenSession): SessionSummary {
  return {
    ...opening,
    durationMs: Math.max(0, heard.atMs - opening.openedAtMs),
    bytesFromClient: heard.bytesFromClient,
    bytesToClient: heard.bytesToClient,
    ending: "gateway-lost",
    detail: `last heard of at ${new Date(heard.atMs).toISOString()}`,
  };
}

function linesOf(closed: ClosedSessions): readonly (readonly [runId: string, spans: Spans])[][] {
  const lines: [runId: string, spans: Spans][][] = [];
  let spansInLine = SPANS_A_LINE;
  for (const [runId, spans] of closed.entries(SPANS_A_LINE)) {
    if (spansInLine + spans.length / 2 > SPANS_A_LINE) {
      lines.push([]);
      spansInLine = 0;
    }
    lines.at(-1)?.push([runId, spans]);
    spansInLine += spans.length / 2;
  }
  return lines;
}
