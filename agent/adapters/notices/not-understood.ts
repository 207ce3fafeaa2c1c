import { AgentError } from "../../core/errors.ts";

/** What a true answer is not: it announces nothing, and ends nothing. None of it is repeated. */
export function notUnderstood(whom: string, what: string): AgentError {
  return new AgentError(
    "notices.not-understood",
    `${whom} answered the question for ${what} with something that this agent does not understand; it is asked again`,
    { retryable: true },
  );
}
