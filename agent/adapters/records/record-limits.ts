import type { RecordLedger } from "../../core/record-ledger.ts";
import type { WaitingLines } from "./waiting-lines.ts";

export interface RecordLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Below this much of it that says nothing any more, the journal is not written anew. */
  readonly leastGarbageBytes: number;
}

/**
 * More than a machine's life of sessions, and a size that any disk has. The file itself may be
 * twice that before it is written anew.
 */
export const RECORD_LIMITS: RecordLimits = {
  maxRecords: 200_000,
  maxBytes: 64 * 1024 * 1024,
  leastGarbageBytes: 1024 * 1024,
};

/**
 * When full, this share more goes at once, so that a full store does not write two lines for each
 * record.
 */
const SLACK_SHARE = 0.01;

/**
 * Which records of the oldest boot to let go so that the others fit: the newest say most about what
 * is wrong. Undefined: all fit.
 */
export function tooMany(
  waiting: WaitingLines,
  ledger: RecordLedger,
  { maxRecords, maxBytes }: RecordLimits,
): { readonly bootId: string; readonly upTo: number; readonly count: number } | undefined {
  if (waiting.count <= maxRecords && waiting.bytes <= maxBytes) return undefined;
  let records = waiting.count - maxRecords * (1 - SLACK_SHARE);
  let bytes = waiting.bytes - maxBytes * (1 - SLACK_SHARE);
  for (const bootId of ledger.bootIds()) {
    let count = 0;
    let upTo = 0;
    for (const line of waiting.of(bootId)) {
      if (records <= 0 && bytes <= 0) break;
      records -= 1;
      bytes -= line.length;
      upTo = line.sequence;
      count += 1;
    }
    if (count > 0) return { bootId, upTo, count };
  }
  return undefined;
}
