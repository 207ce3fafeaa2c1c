import { AgentError } from "../../core/errors.ts";

/** Spans that were sent and not accepted. Retryable: the same may be accepted later. */
export class NotAccepted extends AgentError {
  /** The far end asks not to be tried before. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { readonly retryable: boolean; readonly retryAfterMs?: number | undefined; readonly cause?: unknown },
  ) {
    super("traces.not-accepted", message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}
