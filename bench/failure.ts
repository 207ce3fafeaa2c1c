/** Why the bench cannot go on. The message says what, and what to do; `cause` keeps why. */
export class BenchFailed extends Error {
  readonly exitCode: number;

  constructor(message: string, options: { readonly exitCode?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BenchFailed";
    this.exitCode = options.exitCode ?? 1;
  }
}

/** sysexits(3). */
export const EX_USAGE = 64;
export const EX_UNAVAILABLE = 69;

/** What a person reads: the message, then each cause, indented. */
export function describe(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  const expected = failure instanceof BenchFailed;
  const own = expected ? failure.message : (failure.stack ?? failure.message);
  return failure.cause === undefined ? own : `${own}\n  because: ${describe(failure.cause).replaceAll("\n", "\n  ")}`;
}
