import { AgentError } from "../../core/errors.ts";

/**
 * Why there is no evidence. Neither `message` nor `cause` may hold anything of a token, nonce or
 * key: both are logged, and sent to the control plane.
 */
export function noEvidence(
  message: string,
  { retryable = true, cause }: { readonly retryable?: boolean; readonly cause?: unknown } = {},
): AgentError {
  return new AgentError("identity.no-evidence", message, { retryable, cause });
}
