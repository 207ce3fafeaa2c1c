/** A chain longer than this tells nothing new, and may be a loop. */
const MAX_CAUSES = 8;

export interface LoggedError {
  readonly name: string;
  readonly message: string;
  /** Ours are stable names; Node's and gRPC's are their own. Absent if the error has none. */
  readonly code?: string | number;
}

/**
 * An error as a log shows it: itself, then every cause in order, each in its own words. Only these
 * fields: an error may drag along requests, sockets and keys. The stack is that of the innermost
 * error, where it began; ours say enough without.
 */
export function logError(
  err: Error,
): LoggedError & { readonly causes?: readonly LoggedError[]; readonly stack?: string } {
  const chain = walk(err);
  const innermost = chain.at(-1);
  const causes = chain.slice(1).map(described);
  const stack = innermost instanceof Error && innermost.name !== "AgentError" ? innermost.stack : undefined;
  return {
    ...described(err),
    ...(causes.length > 0 && { causes }),
    ...(stack !== undefined && { stack }),
  };
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
  return {
    name: err.name,
    message: err.message,
    ...((typeof code === "string" || typeof code === "number") && { code }),
  };
}
