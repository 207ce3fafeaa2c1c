import type { SessionSummary } from "../core/session.ts";
import type { RecordCounts } from "../core/views.ts";
import type { Cell } from "../lifecycle/cell.ts";
import { Queue } from "../lifecycle/queue.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway, SessionEvent } from "../ports/gateway.ts";
import type { Log } from "../ports/log.ts";
import type { RecordStore } from "../ports/records.ts";

const DISK_RETRY_MS = 1_000;

/**
 * Brings every session's record to disk, and only then tells the gateway to forget it. While the disk refuses, the gateway goes on
 * remembering.
 */
export class RecordKeeper {
  readonly #events = new Queue<{ readonly runId: string; readonly event: SessionEvent }>();

  note(runId: string, event: SessionEvent): void {
    this.#events.push({ runId, event });
  }

  async keep(
    ports: {
      readonly records: RecordStore;
      readonly gateway: Gateway;
      readonly clock: Clock;
      readonly log: Log;
    },
    counts: Cell<RecordCounts>,
    signal: AbortSignal,
  ): Promise<void> {
    const { records, gateway, clock, log } = ports;
    for await (const { runId, event } of this.#events.drain(signal)) {
      await untilDone(() => store(records, runId, event), clock, log, signal);
      const onDisk = closings(event).map((summary) => summary.sessionId);
      if (onDisk.length > 0 && !signal.aborted) gateway.acknowledge(onDisk);
      counts.set({ ...records.counts });
    }
  }
}

async function store(records: RecordStore, runId: string, event: SessionEvent): Promise<void> {
  switch (event.is) {
    case "hello":
      await Promise.all(event.closed.map((summary) => records.closed(runId, summary)));
      await Promise.all(event.open.map((opening) => records.opened(runId, opening)));
      return records.settle(runId, new Set(event.open.map((opening) => opening.sessionId)));
    case "opened":
      return records.opened(runId, event.opening);
    case "closed":
      return records.closed(runId, event.summary);
    case "progress":
      for (const [sessionId, fromClient, toClient] of event.progress) records.progress(sessionId, fromClient, toClient);
      return;
    default:
      return event satisfies never;
  }
}

function closings(event: SessionEvent): readonly SessionSummary[] {
  if (event.is === "hello") return event.closed;
  return event.is === "closed" ? [event.summary] : [];
}

async function untilDone(act: () => Promise<void>, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await act();
      return;
    } catch (err) {
      log.error({ err }, "records.not-stored");
      await clock.sleep(DISK_RETRY_MS, signal);
    }
  }
}
