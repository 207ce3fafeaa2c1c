import { AgentError } from "../../core/errors.ts";

/**
 * Waits for `work`, but no longer than `deadlineMs`: for calls that cannot be cancelled. The work
 * itself goes on; what it ends with is then dropped. @throws {AgentError} "machine.deadline",
 * retryable.
 */
export function withDeadline<T>(what: string, deadlineMs: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new AgentError("machine.deadline", `${what} took longer than ${deadlineMs} ms`, { retryable: true }));
    }, deadlineMs);
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
