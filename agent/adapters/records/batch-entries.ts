import type { JournalEntry } from "../../core/journal-entry.ts";
import { lostSession, type RecordLedger } from "../../core/record-ledger.ts";
import type { RecordedEvent } from "../../ports/records.ts";

/**
 * The journal's entries for what the gateway said. Each must be applied before the next one is
 * asked for.
 */
export function* batchEntries(
  batch: readonly RecordedEvent[],
  ledger: RecordLedger,
  nowMs: number,
): Generator<JournalEntry | undefined, void, undefined> {
  for (const { runId, event } of batch) {
    switch (event.is) {
      case "opened":
        yield ledger.opened(runId, event.opening);
        ledger.hear(event.opening.sessionId, { atMs: nowMs });
        break;
      case "closed":
        yield ledger.closed(event.summary);
        break;
      case "hello":
        for (const summary of event.closed) yield ledger.closed(summary);
        for (const opening of event.open) {
          yield ledger.opened(runId, opening);
          ledger.hear(opening.sessionId, { atMs: nowMs });
        }
        for (const session of ledger.lost(runId, new Set(event.open.map((opening) => opening.sessionId))))
          if (event.beside === undefined || session.runId === runId) yield ledger.closed(lostSession(session));
        break;
      case "present":
        for (const session of ledger.absent(new Set(event.runIds))) yield ledger.closed(lostSession(session));
        break;
      default:
        event satisfies never;
    }
  }
}
