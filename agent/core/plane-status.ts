import { AgentError } from "./errors.ts";

/**
 * What to do after a call to the control plane failed.
 * - "retry": wait and try again.
 * - "suspect": wait and try again; end the agent once nothing else is heard for long enough
 *   (core/refusal-watch.ts).
 * - "new-evidence": take a new challenge and fresh evidence, then try again.
 * - "end-agent": the control plane refuses this machine for good, and says so by its mark.
 */
export type PlaneStep = "retry" | "suspect" | "new-evidence" | "end-agent";

/**
 * The mark of a refusal that is meant for good. `code` is one of the contract's, or a newer one.
 */
export interface RefusalMark {
  readonly code: string;
}

/**
 * gRPC status → what to do without a mark. The statuses that are not here are retried, each for its
 * reason:
 * - NOT_FOUND, FAILED_PRECONDITION: a control plane that restores its state must not end a fleet.
 * - INVALID_ARGUMENT: a control plane's bug, mended there while we wait.
 * - All others are passing by nature, or of unknown nature.
 */
const STEPS: Readonly<Record<string, PlaneStep>> = {
  // A proxy gives these too: for a rule of its own, for a route that it lost.
  PERMISSION_DENIED: "suspect",
  UNIMPLEMENTED: "suspect",
  // A nonce that expired, a token not yet projected, a clock that is off: new evidence may be good.
  UNAUTHENTICATED: "new-evidence",
};

export class PlaneError extends AgentError {
  readonly status: string;
  readonly step: PlaneStep;
  /** Present if the answer carried the contract's mark with a status that the mark counts for. */
  readonly refusal?: RefusalMark;

  /**
   * @param options.refusal The mark, if the answer carried one: it ends the agent only with a
   *   status that says no.
   */
  constructor(
    call: string,
    status: string,
    details: string,
    options: { readonly cause?: unknown; readonly refusal?: RefusalMark | undefined } = {},
  ) {
    const unmarked = STEPS[status] ?? "retry";
    const refusal = unmarked === "suspect" ? options.refusal : undefined;
    const step = refusal === undefined ? unmarked : "end-agent";
    const forGood = refusal === undefined ? "" : ` (${refusal.code})`;
    super(
      `control-plane.${status.toLowerCase().replaceAll("_", "-")}`,
      `The control plane answered ${call} with ${status}${forGood}: ${details}`,
      { retryable: step !== "end-agent", cause: options.cause },
    );
    this.status = status;
    this.step = step;
    if (refusal !== undefined) this.refusal = refusal;
  }
}
