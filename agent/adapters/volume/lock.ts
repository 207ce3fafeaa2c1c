import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { ENVIRONMENT, findProgram } from "./programs.ts";

/** An order that formats takes longer; whoever comes meanwhile is told so and comes again. */
const WAIT_S = 60;

/**
 * Runs `work` while no other order runs, in any process. Node cannot lock a file, so a child holds the lock for as long as its input is open: it falls
 * also when this process is killed. @throws {AgentError} "cache.busy" (retryable)
 */
export async function underLock<T>(
  path: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  waitS = WAIT_S,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const args = ["--exclusive", "--timeout", String(waitS), path, "cat"];
  const holder = spawn(await findProgram("flock"), args, { stdio: ["pipe", "pipe", "ignore"], env: ENVIRONMENT });
  const gone = new Promise<void>((resolve) => {
    holder.once("error", () => resolve());
    holder.once("close", () => resolve());
  });
  try {
    if (await answers(holder, gone, signal)) return await work();
    holder.kill("SIGKILL");
    signal.throwIfAborted();
    throw new AgentError("cache.busy", `Another order for the cache volume is under way (it holds ${path})`, {
      retryable: true,
    });
  } finally {
    holder.stdin.end();
    await gone;
  }
}

/** `cat` gives back what it is given, once it runs: then the lock is held. */
async function answers(holder: ChildProcess, gone: Promise<void>, signal: AbortSignal): Promise<boolean> {
  holder.stdin?.on("error", () => undefined);
  holder.stdin?.write("\n");
  using stop = new Stop(signal);
  const held = holder.stdout === null ? Promise.resolve(false) : once(holder.stdout, "data").then(() => true);
  return await Promise.race([held.catch(() => false), gone.then(() => false), stop.aborted.then(() => false)]);
}

class Stop implements Disposable {
  readonly aborted: Promise<void>;
  readonly #signal: AbortSignal;
  #abort: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.aborted = new Promise((resolve) => (this.#abort = resolve));
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort);
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#abort);
  }
}
