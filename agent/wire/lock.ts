import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { AgentError } from "../core/errors.ts";
import { programEnvironment } from "../core/program-environment.ts";

const ENVIRONMENT = programEnvironment(process.env["PATH"]);

export interface LockOptions {
  readonly file: string;
  /** How long to wait for whoever holds it, in whole seconds. */
  readonly waitS: number;
  readonly signal: AbortSignal;
  /** The error when it was held all that time, or could not be had. */
  readonly busy: (cause?: unknown) => AgentError;
}

/**
 * Runs `work` while no other process does. Node cannot lock a file, so a child holds the lock for
 * as long as its input is open: it falls also when this process is killed.
 * @throws what `busy` makes; the signal's reason, while it still waits.
 */
export async function underLock<T>({ file, waitS, signal, busy }: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  signal.throwIfAborted();
  const args = ["--exclusive", "--timeout", String(waitS), file, "sh", "-c", "echo held; exec cat"];
  const holder = spawn("flock", args, { stdio: ["pipe", "pipe", "ignore"], env: ENVIRONMENT });
  let failure: unknown;
  const gone = once(holder, "close").catch((cause: unknown) => (failure = cause));
  holder.stdin.on("error", () => undefined);
  const giveUp = (): void => void holder.kill("SIGKILL");
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const held = once(holder.stdout, "data").then(() => true);
    const isHeld = await Promise.race([held, gone.then(() => false)]);
    signal.removeEventListener("abort", giveUp);
    if (isHeld) return await work();
    signal.throwIfAborted();
    throw busy(failure);
  } finally {
    signal.removeEventListener("abort", giveUp);
    holder.stdin.end();
    await gone;
  }
}
