import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, SandboxFailure } from "../failure.ts";
import type { Where } from "./where.ts";

const LOOK_EVERY_MS = 10;
const READY_DEADLINE_MS = 15_000;
const STOP_DEADLINE_MS = 5_000;
const LOG_TAIL = 2_000;

export interface DaemonOptions {
  /** For a person. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly where?: Where | undefined;
}

/** A program that runs until disposal, and never longer than this process. */
export class Daemon implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  private constructor(child: ChildProcess, pid: number, { name, logFile }: DaemonOptions) {
    this.name = name;
    this.pid = pid;
    this.logFile = logFile;
    this.#child = child;
    this.#closed = once(child, "close");
  }

  /** @throws {Error} when it cannot even be started. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { command, args, env, logFile, where } = options;
    const entered = where?.place?.enter(command, args) ?? { command, args };
    await using log = await open(logFile, "a", 0o600);
    // It dies with us, however we die; a terminal's Ctrl-C is for us alone.
    const words = ["--pdeathsig", "KILL", "--", entered.command, ...entered.args];
    const child = spawn("setpriv", words, {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...env },
    });
    await once(child, "spawn");
    // Known, once it is spawned.
    if (child.pid === undefined) throw new Error(`${options.name} has no process id.`);
    return new Daemon(child, child.pid, options);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Waits until `probe` gives something.
   * @throws {SandboxFailure} when the daemon ends before, or after 15 s: with the end of its log.
   * The signal's reason.
   */
  async until<T>(what: string, probe: () => Promise<T | undefined>, signal?: AbortSignal): Promise<T> {
    const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
    for (;;) {
      signal?.throwIfAborted();
      const found = await probe();
      if (found !== undefined) return found;
      if (!this.isRunning) throw await this.#failure(`ended before ${what}`);
      if (deadline.aborted) throw await this.#failure(`took longer than ${READY_DEADLINE_MS} ms until ${what}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Whether its log says so by now. */
  async hasSaid(words: string): Promise<true | undefined> {
    return (await readFile(this.logFile, "utf8")).includes(words) ? true : undefined;
  }

  /** As a crash would end it. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child.kill("SIGKILL");
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    const overdue = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE_MS);
    this.#child.kill("SIGTERM");
    await this.#closed;
    clearTimeout(overdue);
  }

  async #failure(how: string): Promise<SandboxFailure> {
    const log = await readFile(this.logFile, "utf8").catch(() => "");
    return new SandboxFailure(EXIT.unavailable, `${this.name} ${how}. Its log ends with:\n${log.slice(-LOG_TAIL)}`);
  }
}
