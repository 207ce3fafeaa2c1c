import { AgentError } from "../../core/errors.ts";
import { refusal, refusalIn } from "./auth-refusal.ts";
import type { Notification } from "./notification.ts";

/** What a notification means for a login that is under way. */
export type LoginStep =
  | { readonly is: "news"; readonly words: string }
  | { readonly is: "registered" }
  | { readonly is: "running" }
  | { readonly is: "failed"; readonly failure: AgentError }
  | { readonly is: "nothing" };

const NOTHING: LoginStep = { is: "nothing" };

/** `server`: the coordination server's URL. */
export function loginStep(
  { state, refusal: refused, loginError, relayError, asksForPerson }: Notification,
  server: string,
): LoginStep {
  const failure = (refused && refusal(refused)) || (loginError && refusalIn(loginError)) || undefined;
  if (failure) return { is: "failed", failure };
  if (asksForPerson) return { is: "failed", failure: wantsPerson(server) };
  if (state === "NeedsMachineAuth") return { is: "failed", failure: needsApproval(server) };
  if (state === "Running") return { is: "running" };
  if (loginError !== undefined) return { is: "news", words: unreachable(server, loginError) };
  if (refused !== undefined)
    return { is: "news", words: `The coordination server ${server} asks for patience: ${refused}` };
  if (state === "Starting") return { is: "registered" };
  if (relayError !== undefined) return { is: "news", words: `Registered, but not connected yet: ${relayError}` };
  return NOTHING;
}

function needsApproval(server: string): AgentError {
  return new AgentError(
    "tailnet.needs-approval",
    `The coordination server ${server} wants an administrator to approve this machine, and a builder does not wait for that: the auth key has to be preauthorised`,
    { retryable: false },
  );
}

function wantsPerson(server: string): AgentError {
  return new AgentError(
    "tailnet.key-refused",
    `The coordination server ${server} did not take the auth key and asks a person to log in. Hand over a new one`,
    { retryable: false },
  );
}

/**
 * Why the way there fails, in Go's words: the last of `fetch control key: Get "http://…": dial tcp
 * 127.0.0.1:1: connect: connection refused`.
 */
function unreachable(server: string, loginError: string): string {
  const why = loginError.split(": ").findLast((part) => part.trim() !== "") ?? loginError;
  return `The coordination server ${server} does not answer: ${why.trim().slice(0, 300)}`;
}
