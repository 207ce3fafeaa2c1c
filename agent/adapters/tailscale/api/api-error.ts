import { AgentError } from "../../../core/errors.ts";
import { shownAddress } from "../../../core/shown-words.ts";
import type { ApiAnswer } from "./api-call.ts";

/** What was asked of the API. */
export type ApiStep = "token" | "token-exchange" | "key" | "device";

interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
  /** After "The tailnet's API". */
  readonly words: string;
  readonly todo: string;
}

const WRONG_SECRET: Meaning = {
  code: "tailnet.wrong-secret",
  retryable: false,
  words: "does not accept the OAuth client's id and secret",
  todo: "Are they whole, of this tailnet, and not revoked?",
};
const WRONG_IDENTITY: Meaning = {
  code: "tailnet.wrong-secret",
  retryable: false,
  words: "does not accept this machine's identity token for that client",
  todo: "Compare the token's issuer, subject and audience with the federated identity's",
};
const TAG_NOT_PERMITTED: Meaning = {
  code: "tailnet.tag-not-permitted",
  retryable: false,
  words: "permits no key with these tags",
  todo: "They must be exactly the client's tags, or be owned by them in the tailnet's policy",
};
const NO_KEYS: Meaning = {
  code: "tailnet.not-permitted",
  retryable: false,
  words: "does not let this client make auth keys",
  todo: "Give it the scope auth_keys, to write",
};
const NO_DEVICES: Meaning = {
  code: "tailnet.not-permitted",
  retryable: false,
  words: "does not let this client remove devices",
  todo: "Give it the scope devices:core, to write",
};
const EXPIRED_TOKEN: Meaning = {
  code: "tailnet.api-failed",
  retryable: true,
  words: "does not accept the access token that it has just given",
  todo: "It is tried again",
};
const BUSY: Meaning = {
  code: "tailnet.api-failed",
  retryable: true,
  words: "is asked too often at the moment",
  todo: "It is tried again",
};
const FAULT: Meaning = {
  code: "tailnet.api-failed",
  retryable: true,
  words: "has a fault of its own",
  todo: "It is tried again",
};

interface Rule {
  readonly steps: readonly ApiStep[];
  readonly statuses: readonly number[];
  readonly phrase?: RegExp;
  readonly meaning: Meaning;
}

const ANY: readonly ApiStep[] = ["token", "token-exchange", "key", "device"];

/**
 * The first that fits. Sources: the published reference of API v2 and what its issue trackers
 * quote: 401 `{"message":"API token invalid"}`; 400 `requested tags [tag:x] are invalid or not
 * permitted`; 403 `calling actor does not have enough permissions to perform this function`; RFC
 * 6749, 5.2 (`invalid_client`, `unauthorized_client`).
 */
const RULES: readonly Rule[] = [
  { steps: ANY, statuses: [429], meaning: BUSY },
  { steps: ["token"], statuses: [400, 401, 403], meaning: WRONG_SECRET },
  { steps: ["token-exchange"], statuses: [400, 401, 403, 404], meaning: WRONG_IDENTITY },
  { steps: ["key"], statuses: [400, 403], phrase: /\btags?\b/i, meaning: TAG_NOT_PERMITTED },
  { steps: ["key"], statuses: [403, 404], meaning: NO_KEYS },
  { steps: ["device"], statuses: [403], meaning: NO_DEVICES },
  { steps: ["key", "device"], statuses: [401], meaning: EXPIRED_TOKEN },
];

/**
 * An answer that is no success → what it means, with the API's own words. `who`: the client's id,
 * which is no secret.
 */
export function apiError(step: ApiStep, who: string, answer: ApiAnswer): AgentError {
  const said = messageOf(answer.json);
  const rule = RULES.find(
    ({ steps, statuses, phrase }) =>
      steps.includes(step) && statuses.includes(answer.status) && (phrase === undefined || phrase.test(said)),
  );
  const { code, retryable, words, todo } = rule?.meaning ?? (answer.status >= 500 ? FAULT : refused(step));
  const quoted = said === "" ? "" : `, “${said}”`;
  return new AgentError(code, `The tailnet's API ${words} (client ${who}: ${answer.status}${quoted}). ${todo}`, {
    retryable,
  });
}

/** It succeeded, and what was asked for is not in it. */
export function senseless(step: ApiStep): AgentError {
  return new AgentError("tailnet.api-failed", `The tailnet's API answered to “${step}” without what was asked for`, {
    retryable: true,
  });
}

/** Nobody answered. */
export function unreachable(baseUrl: string, cause: unknown, waitedMs: number): AgentError {
  return new AgentError(
    "tailnet.api-unreachable",
    `The tailnet's API at ${shownAddress(baseUrl)} does not answer: ${wayThere(cause, waitedMs)}`,
    { retryable: true, cause },
  );
}

function refused(step: ApiStep): Meaning {
  return { code: "tailnet.not-permitted", retryable: false, words: `refuses “${step}”`, todo: "Its own words say why" };
}

const NODE_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name cannot be looked up at the moment",
  ETIMEDOUT: "nothing came back",
};

/** `fetch` hides the reason in its cause, and several tries in that one's errors. */
function wayThere(cause: unknown, waitedMs: number): string {
  if (cause instanceof Error && cause.name === "AbortError") return `nothing came back within ${waitedMs / 1_000} s`;
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const first: unknown = inner instanceof AggregateError ? inner.errors[0] : inner;
  if (!(first instanceof Error)) return String(first);
  const code = "code" in first && typeof first.code === "string" ? first.code : "";
  return NODE_WORDS[code] ?? first.message;
}

function messageOf(json: unknown): string {
  if (typeof json !== "object" || json === null) return "";
  const fields = ["message", "error_description", "error"] as const;
  const found = fields.map((field): unknown => Reflect.get(json, field)).find((text) => typeof text === "string");
  return typeof found === "string" ? found.trim().slice(0, 300) : "";
}
