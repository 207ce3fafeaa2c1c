import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";

const PATIENCE_MS = 2_000;
const GONE_MS = 5_000;
const LOOK_MS = 10;

/**
 * The launcher's way: the process ends once the connection is closed, and takes its namespace with
 * it; one that does not is killed, and the kernel takes the namespace.
 * @throws {AgentError} "terminal.not-gone"
 */
export async function processGone({ pid }: { readonly pid: number }): Promise<void> {
  for (let waitedMs = 0; isThere(pid); waitedMs += LOOK_MS) {
    if (waitedMs >= GONE_MS)
      throw new AgentError("terminal.not-gone", `Process ${pid}, which held a terminal, did not end`, {
        retryable: true,
      });
    if (waitedMs >= PATIENCE_MS) kill(pid);
    await sleep(LOOK_MS);
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
