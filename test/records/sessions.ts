import type { SessionClosing, SessionOpening, SessionSummary } from "../../agent/core/session.ts";
import type { Log } from "../../agent/ports/log.ts";
import type { RecordStore } from "../../agent/ports/records.ts";

export const OPENED_AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export function opening(sessionId: string): SessionOpening {
  return {
    sessionId,
    build: { orgId: "acme", projectId: "app", buildId: `build-of-${sessionId}` },
    peer: "192.0.2.7:50000",
    certificateSerial: "0a",
    keySpkiSha256: "ab".repeat(32),
    openedAtMs: OPENED_AT_MS,
  };
}

export function summary(sessionId: string, closing: Partial<SessionClosing> = {}): SessionSummary {
  return {
    ...opening(sessionId),
    durationMs: 1_500,
    bytesFromClient: 10,
    bytesToClient: 20,
    ending: "client-closed",
    detail: "",
    ...closing,
  };
}

/** Everything that waits, as `boot/sequence session`, taken and acknowledged in pages. */
export async function drain(records: RecordStore, page = 7): Promise<readonly string[]> {
  const all: string[] = [];
  for (let batch = records.pending(page); batch !== undefined; batch = records.pending(page)) {
    const { bootId } = batch;
    all.push(...batch.records.map((record) => `${bootId}/${record.sequence} ${record.summary.sessionId}`));
    const last = batch.records.at(-1);
    if (last !== undefined) records.acknowledge(bootId, last.sequence);
  }
  return all;
}

/** Keeps the events that were logged. */
export function listeningLog(): Log & { readonly events: string[] } {
  const events: string[] = [];
  const note = (_data: unknown, event: string): void => {
    events.push(event);
  };
  return { events, debug: note, info: note, warn: note, error: note };
}

export function opened(records: RecordStore, runId: string, opening: SessionOpening): Promise<void> {
  return records.commit([{ runId, event: { is: "opened", opening } }]);
}

export function closed(records: RecordStore, runId: string, summary: SessionSummary): Promise<void> {
  return records.commit([{ runId, event: { is: "closed", summary } }]);
}

/** The gateway's word on what is open, nothing closed. */
export function settle(records: RecordStore, runId: string, open: readonly string[]): Promise<void> {
  return records.commit([{ runId, event: { is: "hello", open: open.map(opening), closed: [] } }]);
}
