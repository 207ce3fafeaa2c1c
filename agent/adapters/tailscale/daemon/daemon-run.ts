import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { LineCutter } from "../../../core/line-cutter.ts";
import type { Log } from "../../../ports/log.ts";

const KEPT_LINES = 20;
const LINE_MAX_CHARS = 2_000;

export interface RunEnd {
  readonly code?: number;
  readonly signal?: string;
}

/**
 * One run of a daemon, in a session of its own: a terminal's Ctrl-C does not reach it. What it says
 * is for debugging; the last of it is kept.
 */
export class DaemonRun {
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly ended: Promise<RunEnd>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #isOver = false;

  private constructor(child: ChildProcess, log: Log) {
    this.#child = child;
    this.pid = child.pid;
    this.ended = new Promise((resolve) => {
      child.once("error", (err) => {
        this.#lines.push(err.message);
        resolve({});
      });
      // "close", not "exit": only then have its last lines been read.
      child.once("close", (code, signal) =>
        resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
      );
    });
    void this.ended.then(() => (this.#isOver = true));
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) this.#follow(stream, log);
  }

  static start(command: string, args: readonly string[], env: NodeJS.ProcessEnv, log: Log): DaemonRun {
    return new DaemonRun(spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], env }), log);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get lastLines(): readonly string[] {
    return [...this.#lines];
  }

  /** SIGTERM, and after `graceMs` SIGKILL. Resolves when it is gone. */
  async stop(graceMs: number): Promise<RunEnd> {
    const over = new AbortController();
    const ended = this.ended.then(() => over.abort());
    if (graceMs > 0 && !this.#isOver) {
      this.#child.kill("SIGTERM");
      await sleep(graceMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
    if (!this.#isOver) this.#child.kill("SIGKILL");
    await ended;
    return this.ended;
  }

  #follow(stream: Readable, log: Log): void {
    const cutter = new LineCutter(LINE_MAX_CHARS);
    const take = (line: string): void => {
      if (line === "") return;
      this.#lines.push(line);
      if (this.#lines.length > KEPT_LINES) this.#lines.shift();
      log.debug({ message: line }, "tailscaled.log");
    };
    stream.setEncoding("utf8");
    stream.on("data", (piece: string) => {
      for (const line of cutter.push(piece)) take(line);
    });
    stream.on("end", () => take(cutter.rest()));
  }
}
