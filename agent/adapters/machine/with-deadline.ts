import { AgentError } from "../../core/errors.ts";

/**
 * Waits for `work`, but no longer than `deadlineMs`: for calls that cannot be cancelled. The work
 * itself goes on; what it ends with is then dropped. @throws {AgentError} "machine.deadline" or
 * "machine.cancelled", both retryable.
 */
export function withDeadline<T>(what: string, deadlineMs: number, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      settle();
      reject(new AgentError("machine.cancelled", `${what} was cancelled`, { retryable: true, cause: signal?.reason }));
    };
    const timer = setTimeout(() => {
      settle();
      reject(new AgentError("machine.deadline", `${what} took longer than ${deadlineMs} ms`, { retryable: true }));
    }, deadlineMs);
    work.finally(settle).then(resolve, reject);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
