import type { Spans } from "./closed-sessions.ts";
import type { SessionOpening, SessionSummary } from "./session.ts";

/**
 * One line of the journal. `next` is the number that the boot's next record gets, on every line, so
 * that a line that is lost to damage cannot make a number be given twice.
 */
export type JournalEntry =
  | {
      readonly is: "opened";
      readonly bootId: string;
      readonly next: number;
      readonly runId: string;
      readonly opening: SessionOpening;
    }
  /** Its own number is `next - 1`. */
  | { readonly is: "closed"; readonly bootId: string; readonly next: number; readonly summary: SessionSummary }
  /** Every record up to this number is acknowledged, or was dropped. */
  | { readonly is: "forgotten"; readonly bootId: string; readonly next: number; readonly upTo: number }
  /** How many were dropped during this boot, of whatever boot they were. */
  | { readonly is: "dropped"; readonly bootId: string; readonly next: number; readonly total: number }
  /** Closed before: told again, they are ignored. */
  | {
      readonly is: "closed-before";
      readonly bootId: string;
      readonly next: number;
      readonly runs: readonly (readonly [runId: string, spans: Spans])[];
    }
  /** The same as earlier releases wrote it. */
  | {
      readonly is: "recent";
      readonly bootId: string;
      readonly next: number;
      readonly sessionIds: readonly string[];
    };
