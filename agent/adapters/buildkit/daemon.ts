import { rm } from "node:fs/promises";
import type { BuildkitPlaces } from "../../core/buildkit-config.ts";
import { AgentError } from "../../core/errors.ts";
import { Cell } from "../../lifecycle/cell.ts";
import { Queue } from "../../lifecycle/queue.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import { DaemonConfig } from "./daemon-config.ts";
import { DaemonProcess } from "./daemon-process.ts";
import { OneAtATime } from "./one-at-a-time.ts";

export interface BuildkitDaemonOptions {
  /** Path, or a name on PATH. */
  readonly binary: string;
  /** buildkitd's configuration; its directory is ours alone. */
  readonly configFile: string;
  readonly places: BuildkitPlaces;
  readonly log: Log;
}

/** Killed at once if this process ends without having stopped it. */
const NO_GRACE_MS = 0;

/** buildkitd as a child of this process, for a machine without a service manager. It dies with this process, however that ends. */
export class BuildkitDaemon implements BuildkitUnit, AsyncDisposable {
  readonly #options: BuildkitDaemonOptions;
  readonly #config: DaemonConfig;
  readonly #status = new Cell<UnitStatus>({ at: "stopped" });
  readonly #verbs = new OneAtATime();
  #running: DaemonProcess | undefined;
  /** Resolves when the last run is over and told. */
  #settled: Promise<void> = Promise.resolve();
  #isStopAsked = false;

  constructor(options: BuildkitDaemonOptions) {
    this.#options = options;
    this.#config = new DaemonConfig(options.configFile, options.binary, options.places);
  }

  configure(toml: string, signal: AbortSignal): Promise<void> {
    return this.#verbs.run(() => this.#config.replace(toml, signal));
  }

  /** @throws {AgentError} "buildkit.not-configured", "buildkit.cannot-start" */
  start(signal: AbortSignal): Promise<void> {
    return this.#verbs.run(async () => {
      signal.throwIfAborted();
      if (this.#running !== undefined) return;
      const { binary, log } = this.#options;
      if (!(await this.#config.exists()))
        throw new AgentError("buildkit.not-configured", `${this.#config.file} is missing: configure buildkitd first`, {
          retryable: true,
        });
      this.#isStopAsked = false;
      const running = await DaemonProcess.start(binary, ["--config", this.#config.file], log);
      this.#running = running;
      this.#status.set({ at: "running", pid: running.pid });
      log.info({ buildkitPid: running.pid }, "buildkit.started");
      this.#settled = this.#settle(running);
    });
  }

  stop(graceMs: number, signal: AbortSignal): Promise<void> {
    return this.#verbs.run(async () => {
      const running = this.#running;
      if (running === undefined) {
        this.#status.set({ at: "stopped" });
        return;
      }
      this.#isStopAsked = true;
      const exit = await running.stop(graceMs, signal);
      await this.#settled;
      this.#options.log.info({ wasKilled: exit.signal === "SIGKILL" }, "buildkit.stopped");
    });
  }

  async *statuses(signal: AbortSignal): AsyncGenerator<UnitStatus, void, undefined> {
    const changes = new Queue<UnitStatus>();
    const unwatch = this.#status.watch(() => changes.push(this.#status.get()));
    try {
      yield this.#status.get();
      yield* changes.drain(signal);
    } finally {
      unwatch();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(NO_GRACE_MS, new AbortController().signal);
  }

  async #settle(running: DaemonProcess): Promise<void> {
    const exit = await running.exited;
    await this.#removeSockets();
    this.#running = undefined;
    this.#status.set(this.#isStopAsked ? { at: "stopped" } : { at: "exited", exit });
  }

  /** The trace socket is never removed by buildkitd, the other not when it was killed. */
  async #removeSockets(): Promise<void> {
    const { socketPath, traceSocketPath } = this.#options.places;
    await Promise.all([socketPath, traceSocketPath].map((path) => rm(path, { force: true })));
  }
}
