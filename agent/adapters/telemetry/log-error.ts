import { AgentError } from "../../core/errors.ts";

/** A chain longer than this tells nothing new, and may be a loop. */
const MAX_CAUSES = 8;

export interface LoggedError {
  /** Ours are stable names; Node's and gRPC's are their own. Absent if the error has none. */
  readonly code?: string | number;
  /** Such as TypeError, where no code says more. */
  readonly name?: string;
  readonly message: string;
}

export interface LoggedChain extends LoggedError {
  /** Outermost first. */
  readonly causes?: readonly LoggedError[];
  /** A frame each. */
  readonly stack?: readonly string[];
}

/**
 * An error as a log shows it: itself, then every cause in order, each in its own words. Only these
 * fields: an error may drag along requests, sockets and keys. The stack is that of the innermost
 * error, where it began; ours say enough without.
 */
export function logError(err: Error, withStack: boolean): LoggedChain {
  const chain = walk(err);
  const innermost = chain.at(-1);
  const causes = chain.slice(1).map(described);
  const stack = innermost instanceof Error && !(innermost instanceof AgentError) ? innermost.stack : undefined;
  return {
    ...described(err),
    ...(causes.length > 0 && { causes }),
    ...(withStack && stack !== undefined && { stack: stackLines(stack) }),
  };
}

/** The frames of a stack, without the message before them. */
export function stackLines(stack: string): readonly string[] {
  return stack
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "));
}

/** Whether it is what became of an error; it may have been read from any file. */
export function isLoggedChain(value: unknown): value is LoggedChain {
  if (!isLoggedError(value)) return false;
  const causes: unknown = "causes" in value ? value.causes : [];
  const stack: unknown = "stack" in value ? value.stack : [];
  const isWhole = Array.isArray(causes) && causes.every(isLoggedError);
  return isWhole && Array.isArray(stack) && stack.every((frame) => typeof frame === "string");
}

function isLoggedError(value: unknown): value is LoggedError {
  return typeof value === "object" && value !== null && "message" in value && typeof value.message === "string";
}

/** Depth first, so that an AggregateError's members stand behind it. */
function walk(err: unknown, chain: unknown[] = []): readonly unknown[] {
  if (err === undefined || chain.length > MAX_CAUSES || chain.includes(err)) return chain;
  chain.push(err);
  if (err instanceof AggregateError) for (const member of err.errors) walk(member, chain);
  if (err instanceof Error) walk(err.cause, chain);
  return chain;
}

function described(err: unknown): LoggedError {
  if (!(err instanceof Error))
    return { name: typeof err, message: typeof err === "string" ? err : `not an error: ${typeof err}` };
  const code: unknown = "code" in err ? err.code : undefined;
  if (typeof code === "string" || typeof code === "number") return { code, message: err.message };
  return { ...(err.name !== "Error" && { name: err.name }), message: err.message };
}
