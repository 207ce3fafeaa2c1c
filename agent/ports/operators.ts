import type { Ending } from "../core/end-orders.ts";
import type { EndingProgress } from "../core/ending-progress.ts";
import type { StatusReport } from "../core/status-report.ts";

/**
 * Where operators of this machine ask. Who may is decided before a question gets here: root, and
 * the operators' group.
 */
export interface OperatorDesk {
  /**
   * Answers by `clerk` until `signal`; what is being answered then gets its last words.
   * @throws {AgentError} "operators.cannot-listen"
   */
  serve(clerk: OperatorClerk, signal: AbortSignal): Promise<void>;
}

/** What the agent does for operators. Each signal ends with its asker, or with the desk. */
export interface OperatorClerk {
  /** An order to end. It is in the book when this returns, and nobody takes it out. */
  drain(wish: DrainWish): EndingProgress;
  /**
   * Tells of the ending until all of it is over. Rejects when the agent's story breaks off before.
   */
  watchEnding(tell: (progress: EndingProgress) => void, signal: AbortSignal): Promise<EndingOutcome>;
  /** Tries the control plane now. Bounded; within that it waits for what comes of it. */
  reconnect(signal: AbortSignal): Promise<Reconnected>;
  /** As `/status` tells it. */
  health(): StatusReport;
}

/** How an ending came out. */
export interface EndingOutcome extends Pick<Ending, "ended" | "reason"> {
  /** Why the machine is not to be called drained; empty: it is. */
  readonly undone: readonly string[];
}

export interface DrainWish {
  /**
   * For open builds. Absent: as long as the machine gives by itself, or what an earlier order left.
   */
  readonly graceMs?: number | undefined;
  /** The steps that follow are cut short as well. */
  readonly hurry: boolean;
  /** For the log, for status, and for the control plane. */
  readonly reason: string;
}

/** What came of a try at the control plane. */
export type Reconnected =
  /** `lastWordMs` ago it spoke. `already`: there was nothing to try. */
  | { readonly is: "attached"; readonly already: boolean; readonly lastWordMs: number }
  /** `nextTryMs`: in so long. */
  | { readonly is: "not-attached"; readonly because: string; readonly nextTryMs?: number }
  /** The try is still under way. `because`: why the one before failed. */
  | { readonly is: "no-outcome"; readonly afterMs: number; readonly because: string };
