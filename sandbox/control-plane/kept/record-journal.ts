import type { SessionRecord } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";

/** Records that came together, all of them new. */
export interface RecordBatch {
  /** "org/project". */
  readonly project: string;
  readonly bootId: string;
  /** What is acknowledged once they are kept: up to here nothing is missing. */
  readonly upTo: bigint;
  readonly records: readonly SessionRecord[];
}

/** What is known of a boot's records. */
export interface KnownBoot {
  readonly project: string;
  readonly bootId: string;
  readonly upTo: bigint;
  /** Kept beyond `upTo`, after a gap. */
  readonly beyond: readonly bigint[];
}

/** Session records for those who look for them later. */
export interface RecordJournal {
  /** Of an earlier process. */
  readonly recalled: readonly KnownBoot[];
  /** How many of the newest records a process holds in memory. */
  readonly mostInMemory: number;
  /** Returns once they are kept for good. @throws {Error} none of them is acknowledged then. */
  append(batch: RecordBatch): void;
}

export const FORGETFUL: RecordJournal = {
  recalled: [],
  mostInMemory: Number.POSITIVE_INFINITY,
  append: () => undefined,
};
