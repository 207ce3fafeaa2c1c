import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { BenchFailed } from "../failure.ts";

/** After SIGTERM: buildkitd takes about a second to let go of its files. */
const TERM_GRACE_MS = 10_000;
const KEPT_CHARACTERS = 4_000;
/** Results are short; what goes on beyond this is a log that nobody reads. */
const STDOUT_MAX_CHARACTERS = 1_000_000;

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to ours. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of ours: it is ended by its own id when it is disposed of. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #name: string;
  readonly #ended: Promise<void>;
  #stdout = "";
  #stderr = "";

  private constructor(name: string, process: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#name = name;
    this.#process = process;
    this.#ended = new Promise((resolve) => process.once("close", () => resolve()));
    process.stdin.on("error", () => undefined);
    process.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (this.#stdout.length < STDOUT_MAX_CHARACTERS) this.#stdout += text;
    });
    process.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (this.#stderr = (this.#stderr + text).slice(-KEPT_CHARACTERS)));
  }

  /** @throws {BenchFailed} If the program cannot be started. */
  static async start({ command, args, env }: Command): Promise<Child> {
    const process_ = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
    const child = new Child(command, process_);
    try {
      await once(process_, "spawn");
    } catch (cause) {
      throw new BenchFailed(`${command} cannot be started.`, { cause });
    }
    return child;
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new BenchFailed(`${this.#name} has no process id.`);
    return pid;
  }

  /**
   * Its standard output's first line. @throws {BenchFailed} If it ends before, or `signal` is
   * aborted.
   */
  async firstLine(signal: AbortSignal): Promise<string> {
    for (;;) {
      const end = this.#stdout.indexOf("\n");
      if (end >= 0) return this.#stdout.slice(0, end);
      await this.#whileRunning(once(this.#process.stdout, "data", { signal }));
    }
  }

  /** Each whole line of its standard output. Before anything of it can have come. */
  onLine(hear: (line: string) => void): void {
    createInterface({ input: this.#process.stdout }).on("line", hear);
  }

  /** To its standard input. */
  write(text: string): void {
    this.#process.stdin.write(text);
  }

  /** Waits until `ready` says so, asking every `everyMs`. @throws {BenchFailed} As `firstLine`. */
  async until(ready: () => Promise<boolean>, signal: AbortSignal, everyMs = 20): Promise<void> {
    while (!(await ready())) {
      signal.throwIfAborted();
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise((resolve) => (timer = setTimeout(resolve, everyMs)));
      await this.#whileRunning(pause).finally(() => clearTimeout(timer));
    }
  }

  /** Its whole output, once it has ended well. @throws {BenchFailed} */
  async result(signal: AbortSignal): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const stop = (): void => void this[Symbol.asyncDispose]();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#ended;
      signal.throwIfAborted();
      if (this.#process.exitCode !== 0) throw this.#failed();
      return { stdout: this.#stdout, stderr: this.#stderr };
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isRunning()) return;
    this.#process.kill("SIGTERM");
    const late = setTimeout(() => this.#process.kill("SIGKILL"), TERM_GRACE_MS);
    await this.#ended;
    clearTimeout(late);
  }

  async #whileRunning(waiting: Promise<unknown>): Promise<void> {
    const ended = this.#ended.then(() => {
      throw this.#failed();
    });
    if (!this.#isRunning()) await ended;
    await Promise.race([waiting, ended]);
  }

  #isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  #failed(): BenchFailed {
    const how = this.#process.signalCode ?? `code ${this.#process.exitCode}`;
    return new BenchFailed(`${this.#name} ended with ${how}.`, { cause: this.#stderr.trim() || "it said nothing" });
  }
}

/** Runs a program to its end. @throws {BenchFailed} */
export async function run(command: Command, signal: AbortSignal): Promise<{ stdout: string; stderr: string }> {
  signal.throwIfAborted();
  await using child = await Child.start(command);
  return await child.result(signal);
}
