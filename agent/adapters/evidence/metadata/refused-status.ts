import type { AgentError } from "../../../core/errors.ts";
import { noEvidence } from "../no-evidence.ts";
import { named, type Question } from "./question.ts";

interface Meaning {
  readonly words: string;
  readonly todo: string;
  readonly retryable: boolean;
}

const AGAIN = "it is asked again";

/**
 * What a status means at any of the platforms' services. Sources: RFC 9110; for 410 and 429 what
 * Azure documents of its IMDS.
 */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  400: { words: "does not understand the request", todo: "does it know this version of it?", retryable: false },
  401: { words: "does not accept the credentials of the request", todo: AGAIN, retryable: true },
  403: { words: "refuses the request", todo: "is it disabled for this machine?", retryable: false },
  404: { words: "does not know what it was asked for", todo: "is this the right identity.kind?", retryable: false },
  410: { words: "is being updated", todo: `${AGAIN}; it may take 70 s`, retryable: true },
  429: { words: "is asked too often", todo: AGAIN, retryable: true },
};
const REDIRECTION: Meaning = {
  words: "leads elsewhere, where it is not followed",
  todo: "does something else answer there?",
  retryable: false,
};
const FAULT: Meaning = { words: "has a fault of its own", todo: AGAIN, retryable: true };
const OTHER: Meaning = { words: "answered with a status that means nothing here", todo: AGAIN, retryable: true };

/** An answer that is none. Nothing of its body is repeated. */
export function refusedStatus(question: Question, status: number): AgentError {
  const { words, todo, retryable } = MEANINGS[status] ?? general(status);
  return noEvidence(`${named(question)} ${words} (${status}); ${question.todo?.[status] ?? todo}`, { retryable });
}

function general(status: number): Meaning {
  if (status >= 500) return FAULT;
  return status >= 300 && status < 400 ? REDIRECTION : OTHER;
}
