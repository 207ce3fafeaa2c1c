import { spawn } from "node:child_process";
import { once } from "node:events";
import { AgentError } from "../../core/errors.ts";
import { TOOL_ENVIRONMENT } from "./run-tool.ts";

/** A change takes a fraction of a second; several may come at once. */
const WAIT_S = 30;

/**
 * Runs `work` while no other process changes the network. Node cannot lock a file: a child holds the lock for as long as its input is open, so that it
 * falls also when this process is killed. @throws {AgentError} "network.busy" (retryable)
 */
export async function underLock<T>(file: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const script = ["sh", "-c", "echo held; exec cat"];
  const holder = spawn("flock", ["--exclusive", "--timeout", String(WAIT_S), file, ...script], {
    stdio: ["pipe", "pipe", "ignore"],
    env: TOOL_ENVIRONMENT,
  });
  const gone = once(holder, "close").catch(() => undefined);
  holder.stdin.on("error", () => undefined);
  const giveUp = (): void => void holder.kill("SIGKILL");
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const held = once(holder.stdout, "data").then(() => true);
    if (await Promise.race([held, gone.then(() => false)])) {
      signal.removeEventListener("abort", giveUp);
      return await work();
    }
    signal.throwIfAborted();
    throw new AgentError("network.busy", `The builds' network is being changed by another process (it holds ${file})`, {
      retryable: true,
    });
  } finally {
    signal.removeEventListener("abort", giveUp);
    holder.stdin.end();
    await gone;
  }
}
