import { inWords } from "../core/errors.ts";
import type { RecordCounts } from "../core/views.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { Log } from "../ports/log.ts";
import type { RecordedEvent, RecordStore } from "../ports/records.ts";
import type { Board } from "./board/board.ts";
import type { SessionInbox } from "./board/session-inbox.ts";

const DISK_RETRY_MS = 1_000;
/** So many go to disk with one sync: the rest follows with the next. */
const EVENTS_AT_ONCE = 5_000;

export interface RecordPorts {
  readonly records: RecordStore;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Brings all that the gateway told of its sessions to disk, whatever came together with one sync,
 * and only then tells the gateway to forget it. While the disk refuses, the gateway goes on
 * remembering. Ends with `signal`.
 */
export async function keepRecords(
  { records, gateway, clock, log }: RecordPorts,
  inbox: SessionInbox,
  cells: Pick<Board, "records">,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const count = (counts: RecordCounts): void => cells.records.update((view) => ({ ...view, ...counts }));
  const unwatch = records.onCounts(count);
  count(records.counts);
  try {
    while (!signal.aborted) {
      const batch = await inbox.next(EVENTS_AT_ONCE, signal);
      if (batch.length === 0) continue;
      try {
        await records.commit(batch);
        inbox.done(batch);
        cells.records.set(records.counts);
        report.succeeded();
        gateway.acknowledge(closedIn(batch));
      } catch (err) {
        log.error({ err, events: batch.length, eventsDropped: inbox.dropped }, "records.not-stored");
        const notStored = inWords(err);
        cells.records.set({ ...records.counts, notStored });
        report.failed(notStored, DISK_RETRY_MS);
        await clock.sleep(DISK_RETRY_MS, signal);
      }
    }
  } finally {
    unwatch();
  }
}

function closedIn(batch: readonly RecordedEvent[]): readonly string[] {
  return batch.flatMap(({ event }) => {
    if (event.is === "hello") return event.closed.map(({ sessionId }) => sessionId);
    return event.is === "closed" ? [event.summary.sessionId] : [];
  });
}
