import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { eventually } from "./eventually.ts";

/** Shorter than a test may take: a client that hangs fails its test, which then still clears up. */
const DEADLINE_MS = 40_000;

export interface ClientEnding {
  readonly exitCode: number | null;
  readonly said: string;
  /** Wall clock. */
  readonly atMs: number;
}

/**
 * A stock build client as a process; killed after its deadline (40 s by default), or with its
 * scope.
 */
export class Client implements AsyncDisposable {
  readonly ended: Promise<ClientEnding>;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.#said.push(line));
    let atMs = Number.NaN;
    child.once("exit", () => (atMs = Date.now()));
    this.ended = once(child, "close").then(() => ({ exitCode: child.exitCode, said: this.said, atMs }));
  }

  static start(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    deadlineMs = DEADLINE_MS,
  ): Client {
    return new Client(
      spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env, timeout: deadlineMs, killSignal: "SIGKILL" }),
    );
  }

  get said(): string {
    return this.#said.join("\n");
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it has shown this. @throws {Error} with all that it said, if it ends without. */
  async says(text: string, deadlineMs?: number): Promise<void> {
    const said = (): boolean => {
      if (this.said.includes(text)) return true;
      if (!this.isRunning) throw new Error(`The client ended without "${text}":\n${this.said}`);
      return false;
    };
    await eventually(`the client says "${text}"; it said:\n${this.said}`, said, deadlineMs);
  }

  /** @throws {Error} with all that it said, unless it ends with 0. */
  async succeeds(): Promise<ClientEnding> {
    const ending = await this.ended;
    if (ending.exitCode !== 0) throw new Error(`The client failed (${ending.exitCode}):\n${ending.said}`);
    return ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.#child.kill("SIGKILL");
    await this.ended;
  }
}
