import { AgentError } from "./errors.ts";

/** What to do after a call to the control plane failed. */
export type PlaneStep = "retry" | "end-agent" | "new-evidence";

/**
 * gRPC status → what to do. Only two end the agent. The others do not, each for its reason:
 * - UNAUTHENTICATED: a nonce that expired, a token not yet projected, a clock that is off: new evidence may be good.
 * - NOT_FOUND, FAILED_PRECONDITION: a control plane that is restoring its state must not end a fleet.
 * - INVALID_ARGUMENT: a control plane's bug, mended there while we wait.
 * - RESOURCE_EXHAUSTED, UNAVAILABLE, ABORTED, CANCELLED, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, OUT_OF_RANGE, DATA_LOSS, ALREADY_EXISTS:
 *   passing by nature, or of unknown nature: wait and try again.
 */
const STEPS: Readonly<Record<string, PlaneStep>> = {
  PERMISSION_DENIED: "end-agent",
  UNIMPLEMENTED: "end-agent",
  UNAUTHENTICATED: "new-evidence",
};

export class PlaneError extends AgentError {
  readonly status: string;
  readonly step: PlaneStep;

  constructor(call: string, status: string, details: string, cause?: unknown) {
    const step = STEPS[status] ?? "retry";
    super(
      `control-plane.${status.toLowerCase().replaceAll("_", "-")}`,
      `The control plane answered ${call} with ${status}: ${details}`,
      {
        retryable: step !== "end-agent",
        cause,
      },
    );
    this.status = status;
    this.step = step;
  }
}
