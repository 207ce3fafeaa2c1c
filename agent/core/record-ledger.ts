import type { SessionSummary } from "./session.ts";

/** A session's record under the number by which the control plane acknowledges it: from 1, without gaps, within its boot. */
export interface NumberedRecord {
  readonly sequence: bigint;
  readonly summary: SessionSummary;
}
