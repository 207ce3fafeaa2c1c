import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { Readable } from "node:stream";
import { tellEveryMs } from "./signs-of-life.ts";

const { SIGHUP } = constants.signals;

/** How a process of ours is started: this Node, the same program, other arguments. */
export interface ChildCommand {
  /** For instance [dist/agent/cli/main.js, "gateway", …]. */
  readonly args: readonly string[];
  /** Less systemd's LISTEN_… and with BUILDER_AGENT_PARENT=stdin. */
  readonly env: NodeJS.ProcessEnv;
}

/** What a child of ours has beyond its command. */
export interface ChildExtras {
  /** Becomes its file descriptor 3, as systemd hands over sockets. */
  readonly listeningFd?: number;
  /** Added to its environment. */
  readonly more?: NodeJS.ProcessEnv;
  /** It tells that its event loop turns, three times in so long. */
  readonly hungAfterMs: number;
}

export interface ChildExit {
  readonly code?: number;
  readonly signal?: string;
}

/**
 * One run of a child. It has a session of its own (a terminal's Ctrl-C reaches the launcher alone,
 * which keeps the order of ending), writes where we write, and holds the far end of a pipe on
 * stdin: when we are gone, however we went, it reads the end of it.
 */
export class Child {
  /** Undefined if it could not be started. */
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** A byte now and then, while its event loop turns. */
  readonly signs: Readable;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, signsAt: number) {
    this.#process = process;
    const signs = process.stdio[signsAt];
    this.signs = signs instanceof Readable ? signs : Readable.from([]);
    this.signs.on("error", () => undefined);
    this.pid = process.pid;
    this.exited = new Promise((resolve) => {
      process.once("error", () => resolve({}));
      process.once("exit", (code, signal) =>
        resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
      );
    });
    // It may close its end before it ends itself.
    process.stdin?.on("error", () => undefined);
  }

  static start({ args, env }: ChildCommand, { listeningFd, more = {}, hungAfterMs }: ChildExtras): Child {
    const { LISTEN_FDS: _fds, LISTEN_PID: _pid, LISTEN_FDNAMES: _names, ...rest } = env;
    const stdio: StdioOptions = ["pipe", "inherit", "inherit", ...(listeningFd === undefined ? [] : [listeningFd])];
    const alive = { ALIVE_FD: String(stdio.length), ALIVE_EVERY_MS: String(tellEveryMs(hungAfterMs)) };
    const socket = listeningFd === undefined ? {} : { LISTEN_FDS: "1" };
    return new Child(
      spawn(process.execPath, [...args], {
        detached: true,
        stdio: [...stdio, "pipe"],
        env: { ...rest, ...more, BUILDER_AGENT_PARENT: "stdin", ...alive, ...socket },
      }),
      stdio.length,
    );
  }

  /**
   * SIGHUP, but only to one that listens to it: one that is just starting would end, and reads
   * everything anew anyway.
   */
  hangUp(): void {
    if (this.pid !== undefined && catches(this.pid, SIGHUP)) this.#process.kill("SIGHUP");
  }

  terminate(): void {
    this.#process.kill("SIGTERM");
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Whether a process has a handler for a signal (proc(5), SigCgt). */
function catches(pid: number, signal: number): boolean {
  try {
    const mask = /^SigCgt:\s*([\da-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}
