import { AgentError } from "../../../agent/core/errors.ts";
import { NO_NETWORK_GENERATION } from "../../../agent/core/views.ts";
import type {
  BuildkitCache,
  BuildkitProbe,
  BuildkitTrial,
  BuildkitUnit,
  Preparation,
  UnitStatus,
} from "../../../agent/ports/buildkit.ts";
import type { KnownSessions } from "../facts.ts";
import type { GatewayProcess } from "./gateway-process.ts";
import { Mailbox } from "./mailbox.ts";
import type { Stage } from "./stage.ts";

const GIB = 1024 ** 3;
const ANSWER_WITHIN_MS = 5_000;

/** buildkitd and its disk. It outlives control. */
export class SimulatedBuildkit {
  readonly #stage: Stage;
  readonly #gateway: GatewayProcess;
  status: UnitStatus = { at: "stopped" };
  startMs = 800;
  stopMs = 500;
  /** It answers nobody before this moment. */
  hangsUntilMonoMs = 0;
  /** So many of the next starts fail. */
  startsToFail = 0;
  readonly diskBytes = 100 * GIB;
  usedBytes = 20 * GIB;
  /** What pruning cannot free. */
  stuckBytes = 10 * GIB;
  #pids = 100;
  /** The generation of the builds' network that a start finds, and that the last one found. */
  networkGeneration: () => string = () => NO_NETWORK_GENERATION;
  #startedIn = NO_NETWORK_GENERATION;
  #isStopping = false;
  /** Asked for and not over. */
  readonly #starts = new Set<AbortController>();
  #verbs: Promise<void> = Promise.resolve();
  #proposed = "";
  /** Of the start that runs, or ran last. */
  #config = "";
  readonly #watchers = new Set<Mailbox<UnitStatus>>();

  constructor(stage: Stage, gateway: GatewayProcess) {
    this.#stage = stage;
    this.#gateway = gateway;
    gateway.isBuildkitUp = () => this.isUp && !this.#isStopping;
  }

  get isUp(): boolean {
    return this.status.at === "running";
  }

  get config(): string {
    return this.#config;
  }

  get preparation(): Preparation {
    const past = { preparedAtMs: 0, tookMs: 1, lastEnd: "clean", checked: [] } as const;
    return { schemaVersion: 1, ...past, configuration: this.#config, network: this.#startedIn };
  }

  get unread(): number {
    return [...this.#watchers].reduce((most, { size }) => Math.max(most, size), 0);
  }

  die(): void {
    if (!this.isUp) return;
    this.#turn({ at: "exited", exit: { code: 2, lastLines: ["panic"] } });
    this.#gateway.loseBuildkit("buildkit-died");
  }

  /** The machine goes down under it. */
  reboot(): void {
    this.status = { at: "stopped" };
    this.hangsUntilMonoMs = 0;
    this.#stage.trace.note({ is: "buildkit", isUp: false });
  }

  readonly unit: BuildkitUnit = {
    configure: async (toml) => {
      await this.#stage.clock.wait(50);
      this.#proposed = toml;
    },
    start: async () => {
      const starting = new AbortController();
      this.#starts.add(starting);
      await this.#oneAtATime(() => this.#start(starting.signal)).finally(() => this.#starts.delete(starting));
    },
    stop: (graceMs, signal) => {
      // An order is judged by what could be known when it was given: it may wait for the verb
      // before it.
      const { known } = this.#gateway;
      for (const starting of this.#starts) starting.abort();
      return this.#oneAtATime(() => this.#stop(graceMs, known, signal));
    },
    statuses: (signal) => this.#statuses(signal),
  };

  readonly probe: BuildkitProbe = {
    listWorkers: async (signal) => {
      const { clock } = this.#stage;
      await clock.wait(5);
      if (this.isUp && clock.monoMs >= this.hangsUntilMonoMs)
        return { workers: 1, platforms: ["linux/amd64"], version: "v0.33.1" };
      if (this.isUp) await clock.wait(ANSWER_WITHIN_MS, signal);
      signal.throwIfAborted();
      throw new AgentError("buildkit.no-answer", "BuildKit does not answer ListWorkers", { retryable: true });
    },
    reaches: async () => [],
  };

  readonly trial: BuildkitTrial = {
    tryStep: async (limitMs, signal) => {
      const { clock } = this.#stage;
      const isHung = clock.monoMs < this.hangsUntilMonoMs;
      await clock.wait(isHung ? limitMs : 60, signal);
      if (!this.isUp) return { outcome: { is: "away" } };
      return { outcome: isHung ? { is: "silent" } : { is: "ran", tookMs: 60 } };
    },
  };

  readonly cache: BuildkitCache = {
    prune: async ({ minFreeBytes }) => {
      await this.#stage.clock.wait(2_000);
      if (this.diskBytes - this.usedBytes < 16 * 1024 * 1024)
        throw new AgentError("buildkit.disk-full", "No space to delete", { retryable: true });
      const wantedBytes = Math.max(this.stuckBytes, this.diskBytes - minFreeBytes);
      const freedBytes = Math.max(0, this.usedBytes - wantedBytes);
      this.usedBytes -= freedBytes;
      return { records: 1, freedBytes };
    },
    deleteHistory: async () => {
      await this.#stage.clock.wait(20);
      return { records: 0 };
    },
    forgetTransfers: async () => {
      await this.#stage.clock.wait(20);
      return { records: 0, freedBytes: 0 };
    },
  };

  /**
   * As service managers do: a verb waits for the one before it, but a stop ends every start before
   * it.
   */
  #oneAtATime(verb: () => Promise<void>): Promise<void> {
    const mine = this.#verbs.then(verb);
    this.#verbs = mine.catch(() => undefined);
    return mine;
  }

  async #start(signal: AbortSignal): Promise<void> {
    if (!this.isUp) await this.#stage.clock.wait(this.startMs, signal);
    if (signal.aborted)
      throw new AgentError("buildkit.cannot-start", "It was stopped while it started", { retryable: true });
    if (this.isUp) return;
    this.#startedIn = this.networkGeneration();
    if (this.startsToFail > 0) {
      this.startsToFail -= 1;
      this.#turn({ at: "exited", exit: { code: 1, lastLines: ["cannot start"] } });
      return;
    }
    this.#pids += 1;
    this.#config = this.#proposed;
    this.#turn({ at: "running", pid: this.#pids });
  }

  /** Killed after `graceMs`, or once `hurry` is aborted. */
  async #stop(graceMs: number, known: KnownSessions, hurry: AbortSignal): Promise<void> {
    if (this.isUp) {
      this.#stage.trace.note({ is: "hurt", what: "buildkit-stopped", known, open: this.#gateway.openCount });
      this.#isStopping = true;
      await this.#stage.clock.wait(Math.min(this.stopMs, graceMs), hurry);
      this.#isStopping = false;
      if (this.isUp) {
        this.#turn({ at: "stopped" });
        this.#gateway.loseBuildkit("buildkit-stopped");
      }
    }
    this.#stage.trace.note({ is: "step", step: "unit-stopped" });
  }

  async *#statuses(signal: AbortSignal): AsyncGenerator<UnitStatus> {
    const watcher = new Mailbox<UnitStatus>();
    watcher.put(this.status);
    this.#watchers.add(watcher);
    try {
      yield* watcher.read(signal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  #turn(status: UnitStatus): void {
    this.status = status;
    this.#stage.trace.note({ is: "buildkit", isUp: this.isUp });
    for (const watcher of this.#watchers) watcher.put(status);
  }
}
