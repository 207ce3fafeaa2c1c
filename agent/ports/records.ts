import type { NumberedRecord } from "../core/record-ledger.ts";
import type { SessionOpening, SessionSummary } from "../core/session.ts";

/**
 * Where session records wait for the control plane's acknowledgement, across restarts of this process and of the machine. What a promise
 * here resolves for is on disk.
 */
export interface RecordStore {
  /** Remembered so that a session whose gateway is lost still gets a record. Repeats are harmless. */
  opened(gatewayRunId: string, opening: SessionOpening): Promise<void>;
  /** Numbers and keeps one record. A session that was closed before is ignored: the gateway tells it again until it hears an ack. */
  closed(gatewayRunId: string, summary: SessionSummary): Promise<void>;
  /** Gives every open session of another gateway run, or one that `stillOpen` does not name, a record that ends in "gateway-lost". */
  settle(gatewayRunId: string, stillOpen: ReadonlySet<string>): Promise<void>;
  /** Bytes so far of an open session: in memory only, for the record of a gateway that is lost. */
  progress(sessionId: string, bytesFromClient: number, bytesToClient: number): void;
  /** The oldest unacknowledged records of the oldest boot that has any, at most `limit`. */
  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined;
  acknowledge(bootId: string, upToSequence: bigint): Promise<void>;
  /** How many wait, and how many were dropped because the store was full. */
  readonly counts: { readonly waiting: number; readonly dropped: number };
  close(): Promise<void>;
}
