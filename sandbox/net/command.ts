import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Deadline } from "../deadline.ts";

const DEADLINE_MS = 10_000;

export interface RunOptions {
  /** Its stdin; none by default. */
  readonly input?: string;
  /** After which it is killed; default 10 s. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs a short command and gives what it wrote to stdout.
 * @throws {Error} with its stderr, if it cannot be started, fails, or outlives its deadline or
 * `signal`: then it is killed.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input = "", deadlineMs = DEADLINE_MS, signal } = options;
  using deadline = new Deadline(deadlineMs, ...(signal === undefined ? [] : [signal]));
  const child = spawn(command, args, {
    stdio: "pipe",
    signal: deadline.signal,
    killSignal: "SIGKILL",
  });
  // One that ends without having read its input tells so by its exit code.
  child.stdin.on("error", () => undefined).end(input);
  const line = [command, ...args].join(" ");
  try {
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    if (child.exitCode === 0) return said;
    throw new Error(`${line}: ${child.signalCode ?? `exit code ${child.exitCode}`}. ${complaint.trim()}`);
  } catch (cause) {
    signal?.throwIfAborted();
    if (deadline.hasExpired) throw new Error(`${line}: did not end within ${deadlineMs} ms`, { cause });
    throw cause;
  }
}
