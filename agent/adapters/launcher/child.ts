import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

const { SIGHUP } = constants.signals;

/** How a process of ours is started: this Node, the same program, other arguments. */
export interface ChildCommand {
  /** For instance [dist/agent/cli/main.js, "gateway", …]. */
  readonly args: readonly string[];
  /** Less systemd's LISTEN_… and with BUILDER_AGENT_PARENT=stdin. */
  readonly env: NodeJS.ProcessEnv;
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
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
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

  /**
   * `listeningFd` becomes its file descriptor 3, as systemd hands over sockets. `more` is added to
   * its environment.
   */
  static start({ args, env }: ChildCommand, listeningFd?: number, more: NodeJS.ProcessEnv = {}): Child {
    const { LISTEN_FDS: _fds, LISTEN_PID: _pid, LISTEN_FDNAMES: _names, ...rest } = env;
    const inherited = listeningFd === undefined ? [] : [listeningFd];
    return new Child(
      spawn(process.execPath, [...args], {
        detached: true,
        stdio: ["pipe", "inherit", "inherit", ...inherited],
        env: { ...rest, ...more, BUILDER_AGENT_PARENT: "stdin", ...(listeningFd !== undefined && { LISTEN_FDS: "1" }) },
      }),
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
