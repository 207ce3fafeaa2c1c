import type { ChildProcess } from "node:child_process";

/**
 * What the agent's own ending may take at most after its drain: the cut, BuildKit's stop, its last
 * words. Then it is killed.
 */
const AFTER_DRAIN_MS = 13_000;
/** Two signals that are sent at once may reach a process as one. */
const BETWEEN_SIGNALS_MS = 100;

export interface AgentEndingLimits {
  /** As it was configured: how long open builds may go on once it is told to stop. */
  readonly graceMs: number;
  /** Nobody waits for them any more. */
  readonly hurry?: AbortSignal | undefined;
}

/**
 * Asks an agent to end, and waits until it has; asks again at `hurry`, also where that came first;
 * kills its whole group if it takes longer than it may.
 */
export async function endGroup(
  child: ChildProcess,
  ended: Promise<unknown>,
  { graceMs, hurry }: AgentEndingLimits,
): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const killIn = (ms: number): NodeJS.Timeout => setTimeout(() => process.kill(-pid, "SIGKILL"), ms);
  let overdue = killIn(graceMs + AFTER_DRAIN_MS);
  const again = (): void => {
    clearTimeout(overdue);
    overdue = killIn(AFTER_DRAIN_MS);
    child.kill("SIGTERM");
  };
  child.kill("SIGTERM");
  const look = setTimeout(() => {
    if (hurry?.aborted === true) again();
    else hurry?.addEventListener("abort", again);
  }, BETWEEN_SIGNALS_MS);
  await ended;
  hurry?.removeEventListener("abort", again);
  clearTimeout(look);
  clearTimeout(overdue);
}
