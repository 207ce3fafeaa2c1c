import type { Trace } from "../core/traces/span.ts";
import type { TraceTarget } from "../core/traces/target.ts";
import type { TraceProgress } from "../core/traces/view.ts";

/** Where the control process tells what it did, for whoever collects traces. */
export interface Traces {
  /**
   * Never waits and never throws. What is told while nobody is sent to is forgotten; beyond the
   * bound it is dropped, and counted.
   */
  tell(trace: Trace): void;
  /**
   * Sends what is told to `target`, undefined being nobody, in batches, until `signal` is aborted:
   * then what still waits stays, for the next call or the end. A far end that hangs, refuses or
   * answers nonsense is told by `note` and a line of the log, and holds up nothing else. Never
   * throws.
   *
   * @param machineId undefined while this machine has none.
   */
  send(
    target: TraceTarget | undefined,
    machineId: () => string | undefined,
    note: (progress: TraceProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
