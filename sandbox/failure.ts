/** Exit codes, by the names and numbers of sysexits(3). */
export const EXIT = {
  ok: 0,
  usage: 64,
  badData: 65,
  noInput: 66,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  /** EX_TEMPFAIL: no machine takes this build; another one may, or later. */
  later: 75,
  notPermitted: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that a person can do something about: the message is all that is shown. */
export class SandboxFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "SandboxFailure";
    this.exitCode = exitCode;
  }
}

/**
 * What came first comes first: a failure of what was disposed because of another is told after
 * that.
 */
export function messageOf(failure: unknown): string {
  if (failure instanceof Error && "suppressed" in failure && "error" in failure)
    return `${messageOf(failure.suppressed)} Then: ${messageOf(failure.error)}`;
  if (failure instanceof AggregateError) return failure.errors.map(messageOf).join("; ");
  return failure instanceof Error ? failure.message : String(failure);
}

/** Whether a system call failed with this code. */
export function isErrno(failure: unknown, code: string): boolean {
  return failure instanceof Error && "code" in failure && failure.code === code;
}
