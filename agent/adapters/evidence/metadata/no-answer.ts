import type { AgentError } from "../../../core/errors.ts";
import { noEvidence } from "../no-evidence.ts";
import { named, type Question } from "./question.ts";

const UNREACHABLE: Readonly<Record<string, string>> = {
  EACCES: "may not be asked by this user",
  EAI_AGAIN: "cannot be asked: its name cannot be looked up at the moment",
  ECONNREFUSED: "is not there: connection refused",
  EHOSTDOWN: "is not there: there is no way to it",
  EHOSTUNREACH: "is not there: there is no way to it",
  ENETUNREACH: "is not there: there is no way to it",
  ENOENT: "is not there: there is no such socket",
  ENOTFOUND: "is not there: its name is not known",
  ETIMEDOUT: "is not there: the connection timed out",
};
/** OpenSSL's reasons, and Node's own for a name. */
const UNTRUSTED = /CERT|^UNABLE_TO_|^INVALID_/;
const RESET = new Set(["ECONNRESET", "EPIPE"]);

/**
 * Nothing came, or not all of it.
 * @param hasBegun whether the head of an answer had come.
 * @param waitedMs the whole budget, if it was used up.
 */
export function noAnswer(
  question: Question,
  cause: unknown,
  { hasBegun, waitedMs }: { readonly hasBegun: boolean; readonly waitedMs: number | undefined },
): AgentError {
  const who = named(question);
  const { todo } = question;
  if (waitedMs !== undefined) {
    const what = hasBegun ? "did not end its answer" : "did not answer";
    return noEvidence(`${who} ${what} within the ${waitedMs / 1_000} s that there are${hint(todo?.silent)}`, { cause });
  }
  const code = codeOf(cause);
  // The parser's errors carry the bytes that they are about.
  if (code.startsWith("HPE_")) return noEvidence(`${who} answered with something that is not HTTP (${code})`);
  if (hasBegun) return noEvidence(`${who} broke off its answer; it is asked again`, { cause });
  if (RESET.has(code))
    return noEvidence(`${who} closed the connection without an answer; it is asked again`, { cause });
  if (UNTRUSTED.test(code))
    return noEvidence(`${who} has no certificate that this machine trusts (${code})`, { cause });
  const words = UNREACHABLE[code] ?? `cannot be asked (${code})`;
  return noEvidence(`${who} ${words}${hint(todo?.unreachable)}`, { cause });
}

function hint(todo: string | undefined): string {
  return todo === undefined ? "" : `; ${todo}`;
}

/** Of several tries at one name, the first. */
function codeOf(cause: unknown): string {
  const first: unknown = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  const code: unknown = first instanceof Error && "code" in first ? first.code : undefined;
  return typeof code === "string" ? code : "for an unknown reason";
}
