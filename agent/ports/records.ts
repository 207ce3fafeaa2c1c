import type { NumberedRecord } from "../core/record-ledger.ts";
import type { SessionOpening, SessionSummary } from "../core/session.ts";
import type { RecordCounts } from "../core/views.ts";

/** What one run of the gateway said of its sessions. A gateway event of the same name fits. */
export interface RecordedEvent {
  /** Random for each start of the gateway's process. */
  readonly runId: string;
  /** hello: all that it has, the `closed` ones being those that may not be on disk yet. */
  readonly event:
    | {
        readonly is: "hello";
        readonly open: readonly SessionOpening[];
        readonly closed: readonly SessionSummary[];
        readonly beside?: true;
      }
    | { readonly is: "present"; readonly runIds: readonly string[] }
    | { readonly is: "opened"; readonly opening: SessionOpening }
    | { readonly is: "closed"; readonly summary: SessionSummary };
}

/**
 * Where session records wait for the control plane's acknowledgement, across restarts of this
 * process and of the machine. Calls may be made at any time, also while others are under way.
 */
export interface RecordStore {
  /**
   * Resolves when the whole batch is on disk: one write and one sync, however long it is. Batches
   * take effect in the order of the calls, events in the order of the batch. Repeats are harmless:
   * each session gets one record. A hello gives a record that ends in "gateway-lost" to every one
   * of its own run that it does not name and, unless it has others beside it, to every session of
   * another run. `present` gives one to every session of a run that it does not name.
   * @throws {AgentError} "records.cannot-write", retryable: memory is as before the call, make it
   *   again. "records.closed": this process is ending.
   */
  commit(batch: readonly RecordedEvent[]): Promise<void>;
  /** Bytes so far of an open session: in memory only, for the record of a gateway that is lost. */
  progress(sessionId: string, bytesFromClient: number, bytesToClient: number): void;
  /**
   * The oldest unacknowledged records of the oldest boot that has any, at most `limit`, to be sent.
   * Only what was given here may be acknowledged.
   */
  pending(limit: number): { readonly bootId: string; readonly records: readonly NumberedRecord[] } | undefined;
  /**
   * Takes effect at once and waits for no disk: the journal notes it with its next write. A number
   * beyond what `pending` has given in this process counts as the last one given. After a crash, or
   * on a disk that fails, records may be sent again under their old numbers.
   */
  acknowledge(bootId: string, upToSequence: bigint): void;
  /**
   * How many wait, and how many were dropped because the store was full. One object for as long as
   * both stay the same.
   */
  readonly counts: RecordCounts;
  /**
   * Calls `listener` after each change of `counts`, whatever changed it. Returns how to stop that.
   */
  onCounts(listener: (counts: RecordCounts) => void): () => void;
  close(): Promise<void>;
}
