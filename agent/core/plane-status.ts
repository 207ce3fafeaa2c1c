import { VIEW_MAX_AGE_MS } from "./allow-set.ts";
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
 * - ALREADY_EXISTS: this instance is another machine, as long as that lives. After a reboot it is
 *   this one's own past, and gone when the answer says to come back.
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

/** An answer may keep a machine away for no longer than its view stays good. */
const RETRY_AFTER_MAX_MS = VIEW_MAX_AGE_MS;

/** For how long the control plane asked to be left alone, when this was its answer. */
export function retryAfterMs(failure: unknown): number {
  return failure instanceof PlaneError ? failure.retryAfterMs : 0;
}

export class PlaneError extends AgentError {
  readonly status: string;
  readonly step: PlaneStep;
  /** Present if the answer carried the contract's mark with a status that the mark counts for. */
  readonly refusal?: RefusalMark;
  /** Whether the control plane itself said so; false: nothing was heard from it. */
  readonly answered: boolean;
  /** The control plane asks not to be called again before that; 0: it does not say. */
  readonly retryAfterMs: number;
  /** The control plane's clock when it gave this answer; absent: it did not say. */
  readonly planeTimeMs?: number;

  /**
   * @param options.refusal The mark, if the answer carried one: it ends the agent only with a
   *   status that says no.
   * @param options.answered false where nothing was heard from the control plane; `details` says
   *   what happened instead.
   * @param options.retryAfterMs What the answer asked for, if it did: cut to what may be asked for.
   */
  constructor(
    call: string,
    status: string,
    details: string,
    options: {
      readonly cause?: unknown;
      readonly refusal?: RefusalMark | undefined;
      readonly retryAfterMs?: number | undefined;
      readonly planeTimeMs?: number | undefined;
      readonly answered?: boolean;
    } = {},
  ) {
    const unmarked = STEPS[status] ?? "retry";
    const refusal = unmarked === "suspect" ? options.refusal : undefined;
    const step = refusal === undefined ? unmarked : "end-agent";
    const forGood = refusal === undefined ? "" : ` (${refusal.code})`;
    const answered = options.answered ?? true;
    super(
      `control-plane.${status.toLowerCase().replaceAll("_", "-")}`,
      answered
        ? `The control plane answered ${call} with ${status}${forGood}: ${details}`
        : `The control plane did not answer ${call}: ${details}`,
      { retryable: step !== "end-agent", cause: options.cause },
    );
    this.status = status;
    this.answered = answered;
    this.step = step;
    this.retryAfterMs = Math.min(options.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
    if (refusal !== undefined) this.refusal = refusal;
    if (options.planeTimeMs !== undefined) this.planeTimeMs = options.planeTimeMs;
  }
}
