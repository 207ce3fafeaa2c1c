import type { Assignment } from "../core/desired-state.ts";
import { inWords } from "../core/errors.ts";
import { ownSessions } from "../core/own-sessions.ts";
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
  cells: Pick<Board, "records" | "firstAssignment" | "desired">,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const count = (counts: RecordCounts): void => cells.records.update((view) => ({ ...view, ...counts }));
  const unwatch = records.onCounts(count);
  count(records.counts);
  try {
    // A few ms: whose sessions may be told is known then, if it was ever known in this boot.
    await cells.firstAssignment.first(({ at }) => at !== "looking", signal);
    while (!signal.aborted) {
      const batch = await inbox.next(EVENTS_AT_ONCE, signal);
      if (batch.length === 0) continue;
      try {
        const own = ownOf(batch, ownerIn(cells), log);
        await records.commit(own);
        inbox.done(batch);
        cells.records.set(records.counts);
        report.succeeded();
        gateway.acknowledge(closedIn(own));
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

/** Undefined before the first desired state: nobody was let in before it. */
function ownerIn({ firstAssignment, desired }: Pick<Board, "firstAssignment" | "desired">): Assignment | undefined {
  const first = firstAssignment.get();
  return first.at === "kept" ? first.assignment : desired.get()?.assignment;
}

function ownOf(
  batch: readonly RecordedEvent[],
  owner: Assignment | undefined,
  log: Pick<Log, "warn">,
): readonly RecordedEvent[] {
  if (owner === undefined) return batch;
  const foreign = new Map<string, number>();
  const own = batch.flatMap(({ runId, event: told }): readonly RecordedEvent[] => {
    const found = ownSessions(told, owner);
    if (found.foreign > 0) foreign.set(runId, (foreign.get(runId) ?? 0) + found.foreign);
    return found.event === undefined ? [] : [{ runId, event: found.event }];
  });
  for (const [runId, sessions] of foreign) log.warn({ runId, sessions }, "records.of-others");
  return own;
}
