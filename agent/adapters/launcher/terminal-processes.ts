import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Log } from "../../ports/log.ts";
import type { ChildCommand } from "./child.ts";

/** Each ends by itself once control is gone; one that does not is killed. */
const END_MS = 5_000;

/**
 * The processes that hold debug terminals: one for each connection, which becomes its standard
 * input, as systemd hands over what it has accepted. Disposing waits for their end.
 */
export class TerminalProcesses implements AsyncDisposable {
  readonly #command: ChildCommand;
  readonly #log: Log;
  readonly #running = new Map<ChildProcess, Promise<void>>();

  constructor(command: ChildCommand, log: Log) {
    this.#command = command;
    this.#log = log;
  }

  /** Whoever is connected has said nothing yet: the process says hello first. */
  start(connection: Socket): void {
    const { args, env } = this.#command;
    const { LISTEN_FDS: _fds, LISTEN_PID: _pid, LISTEN_FDNAMES: _names, ...rest } = env;
    const child = spawn(process.execPath, [...args], {
      detached: true,
      stdio: [connection, "ignore", "inherit"],
      env: rest,
    });
    // Ours is closed without a word: the connection is the child's.
    connection.destroy();
    const ended = new Promise<void>((resolve) => {
      child.once("error", (err) => {
        this.#log.error({ err }, "launcher.terminal-not-started");
        resolve();
      });
      child.once("exit", () => resolve());
    });
    this.#running.set(child, ended);
    this.#log.info({ childPid: child.pid }, "launcher.terminal-started");
    void ended.then(() => this.#running.delete(child));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = Promise.all(this.#running.values());
    const kill = setTimeout(() => {
      for (const child of this.#running.keys()) child.kill("SIGKILL");
    }, END_MS);
    await all;
    clearTimeout(kill);
  }
}
