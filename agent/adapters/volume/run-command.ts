import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import { Collected } from "./collected.ts";
import type { Command, Outcome, RunCommand } from "./command.ts";
import { ENVIRONMENT, findProgram } from "./programs.ts";

/** Between the polite and the other signal. */
const KILL_AFTER_MS = 3_000;
/**
 * A process that hangs in the kernel does not die of SIGKILL; it is not waited for longer than
 * this.
 */
const GIVE_UP_AFTER_MS = 10_000;

/**
 * Runs one program in a fixed environment, in a process group of its own. What it reads comes by a
 * pipe; the caller overwrites a key afterwards.
 * @throws {AgentError} "cache.tool-missing"; "cache.tool-failed" (retryable) for an exit code that
 * is no answer, with the program's last words; "cache.tool-deadline" (retryable). When `signal` is
 * aborted the program is ended and the signal's reason thrown.
 */
export const runCommand: RunCommand = async (command, signal, stdin) => {
  signal.throwIfAborted();
  const child = spawn(await findProgram(command.program), [...command.args], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: ENVIRONMENT,
  });
  const [stdout, stderr] = [new Collected(child.stdout), new Collected(child.stderr)];
  // A program that does not read to the end (it refused before that) makes the pipe break: its exit
  // code says why.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin === undefined ? undefined : Buffer.from(stdin.buffer, stdin.byteOffset, stdin.byteLength));
  const ending = await endOf(child, command, signal);
  const outcome = {
    code: ending.code,
    stdout: stdout.text,
    stderr: stderr.text,
    lastWords: stderr.lastLine || stdout.lastLine,
  };
  if (ending.by === "abort") signal.throwIfAborted();
  if (ending.by === "deadline")
    throw failed("cache.tool-deadline", command, `did not end within ${command.deadlineMs} ms`, outcome);
  if (!command.answers.includes(outcome.code)) {
    const how = ending.signal === undefined ? `ended with code ${outcome.code}` : `was ended by ${ending.signal}`;
    throw failed("cache.tool-failed", command, how, outcome);
  }
  return outcome;
};

interface Ending {
  readonly by: "itself" | "deadline" | "abort";
  /** -1 if a signal ended it, or it could not be started. */
  readonly code: number;
  readonly signal?: string;
}

async function endOf(child: ChildProcess, { deadlineMs }: Command, signal: AbortSignal): Promise<Ending> {
  const closed = new Promise<Ending>((resolve) => {
    child.once("error", (failure) => resolve({ by: "itself", code: -1, signal: failure.message }));
    child.once("close", (code, by) => resolve({ by: "itself", code: code ?? -1, ...(by !== null && { signal: by }) }));
  });
  using patience = new Patience(deadlineMs, signal);
  const first = await Promise.race([closed, patience.over]);
  if (typeof first !== "string") return first;
  kill(child, "SIGTERM");
  const ended = closed.then(() => true);
  if (!(await Promise.race([ended, sleep(KILL_AFTER_MS, false)]))) kill(child, "SIGKILL");
  await Promise.race([ended, sleep(GIVE_UP_AFTER_MS, false, { ref: false })]);
  return { by: first, code: -1 };
}

/** Ends with the deadline or with the signal, whichever is first. */
class Patience implements Disposable {
  readonly over: Promise<"deadline" | "abort">;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  #abort: () => void = () => undefined;

  constructor(ms: number, signal: AbortSignal) {
    let deadline: () => void = () => undefined;
    this.over = new Promise((resolve) => {
      deadline = () => resolve("deadline");
      this.#abort = () => resolve("abort");
    });
    this.#timer = setTimeout(deadline, ms);
    this.#signal = signal;
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#abort);
  }
}

/** The whole group: mount and fsck have programs of their own below them. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}

function failed(code: string, { program, args }: Command, how: string, { lastWords }: Outcome): AgentError {
  const said = lastWords === "" ? "it said nothing" : `it said: ${lastWords}`;
  return new AgentError(code, `${[program, ...args].join(" ")} ${how}; ${said}`, { retryable: true });
}
