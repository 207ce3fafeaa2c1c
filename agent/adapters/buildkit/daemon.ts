import { rm } from "node:fs/promises";
import { type BuildkitPlaces, buildkitEnvironment } from "../../core/buildkit-config.ts";
import { AgentError } from "../../core/errors.ts";
import { describeExit } from "../../core/unit-exit.ts";
import { NO_NETWORK_GENERATION } from "../../core/views.ts";
import { Branch } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import { Queue } from "../../lifecycle/queue.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import type { CacheKeeper } from "./cache-keeper.ts";
import { DaemonConfig } from "./daemon-config.ts";
import { DaemonProcess } from "./daemon-process.ts";
import type { Surroundings } from "./isolation.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { fromToml } from "./toml.ts";
import { takeAwayTraceSocket } from "./trace-socket.ts";

export interface BuildkitDaemonOptions {
  /** Path, or a name on PATH. */
  readonly binary: string;
  /** buildkitd's configuration; its directory is ours alone. */
  readonly configFile: string;
  readonly places: BuildkitPlaces;
  /** Prepared before each start, told of each end. */
  readonly cache: CacheKeeper;
  /** Absent: it is in the network of this process. */
  readonly network?: Surroundings & {
    /** Called before a configuration is tried; if it throws, it is not. */
    readonly ensure: (signal: AbortSignal) => Promise<unknown>;
    /**
     * Called before each start, which then has the network of that generation; if it throws, there
     * is none.
     */
    readonly prepare: (signal: AbortSignal) => Promise<string>;
  };
  readonly log: Log;
}

/** Killed at once if this process ends without having stopped it. */
const NO_GRACE_MS = 0;

/**
 * buildkitd as a child of this process, for a machine without a service manager. It dies with this
 * process, however that ends.
 */
export class BuildkitDaemon implements BuildkitUnit, AsyncDisposable {
  readonly #options: BuildkitDaemonOptions;
  readonly #config: DaemonConfig;
  readonly #status = new Cell<UnitStatus>({ at: "stopped" });
  readonly #verbs = new OneAtATime();
  /** Asked for and not over. */
  readonly #starts = new Set<Branch>();
  #running: DaemonProcess | undefined;
  /** Resolves when the last run is over and told. */
  #settled: Promise<void> = Promise.resolve();
  #isStopAsked = false;
  readonly #end = new AbortController();
  #sweeping: Promise<void> | undefined;

  constructor(options: BuildkitDaemonOptions) {
    this.#options = options;
    this.#config = new DaemonConfig(options.configFile, options.binary, options.places);
  }

  configure(toml: string, signal: AbortSignal): Promise<void> {
    return this.#verbs.run(async () => {
      await this.#options.network?.ensure(signal);
      await this.#config.replace(toml, signal);
    });
  }

  /**
   * @throws {AgentError} "buildkit.not-configured", "buildkit.root-in-use", "buildkit.cannot-start"
   */
  async start(asker: AbortSignal): Promise<void> {
    using starting = new Branch(asker);
    const { signal } = starting;
    this.#starts.add(starting);
    try {
      await this.#verbs.run(() => this.#start(signal));
    } finally {
      this.#starts.delete(starting);
    }
  }

  /** A check of the databases takes minutes: a start does not keep a stop waiting, it ends. */
  stop(graceMs: number, signal: AbortSignal): Promise<void> {
    for (const starting of this.#starts)
      starting.abort(new AgentError("buildkit.cannot-start", "It was stopped while it started", { retryable: true }));
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
    this.#end.abort();
    await this.#sweeping;
  }

  async #start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running !== undefined) return;
    const { cache, network, log } = this.#options;
    const configuration = await this.#config.read();
    if (configuration === undefined)
      throw new AgentError("buildkit.not-configured", `${this.#config.file} is missing: configure buildkitd first`, {
        retryable: true,
      });
    this.#isStopAsked = false;
    const generation = (await network?.prepare(signal)) ?? NO_NETWORK_GENERATION;
    const { tookMs, lastEnd } = await cache.prepare(signal, { configuration, network: generation });
    this.#sweeping ??= this.#sweep();
    const running = await this.#launch(buildkitEnvironment(fromToml(configuration)));
    this.#running = running;
    this.#status.set({ at: "running", pid: running.pid });
    log.info({ buildkitPid: running.pid, lastEnd, preparedMs: tookMs }, "buildkit.started");
    this.#settled = this.#settle(running);
  }

  async #launch(environment: Readonly<Record<string, string>>): Promise<DaemonProcess> {
    const { binary, cache, network, log } = this.#options;
    // Of a run that nobody saw the end of: what is whole must be the new one's.
    await this.#removeSockets();
    try {
      const args = ["--config", this.#config.file];
      return await DaemonProcess.start(binary, args, environment, log, network);
    } catch (failure) {
      await cache.ended("other");
      throw failure;
    }
  }

  /** While it runs; what is left of it at our end goes on at the next start. */
  async #sweep(): Promise<void> {
    const { cache, log } = this.#options;
    try {
      await cache.sweep(this.#end.signal);
    } catch (err) {
      if (!this.#end.signal.aborted) log.warn({ err }, "buildkit.not-swept");
    } finally {
      this.#sweeping = undefined;
    }
  }

  async #settle(running: DaemonProcess): Promise<void> {
    const { cache, log, places } = this.#options;
    const over = new AbortController();
    const traces = takeAwayTraceSocket(places.traceSocketPath, over.signal).catch((err: unknown) =>
      log.error({ err }, "buildkit.trace-socket-stayed"),
    );
    const exit = await running.exited;
    over.abort();
    await traces;
    await this.#removeSockets();
    const went = this.#isStopAsked && exit.signal === undefined ? "clean" : "other";
    await cache
      .ended(describeExit(exit).kind === "crashed" ? "crashed" : went)
      .catch((err: unknown) => log.error({ err }, "buildkit.end-not-noted"));
    this.#running = undefined;
    this.#status.set(this.#isStopAsked ? { at: "stopped" } : { at: "exited", exit });
  }

  /** None of them is removed by buildkitd when it was killed. */
  async #removeSockets(): Promise<void> {
    const { socketPath, traceSocketPath, debugSocketPath } = this.#options.places;
    const paths = [socketPath, traceSocketPath, debugSocketPath].filter((path) => path !== undefined);
    await Promise.all(paths.map((path) => rm(path, { force: true })));
  }
}
