import { type AgentPorts, type AgentSettings, runAgent } from "../../../agent/control/agent.ts";
import type { ObservedState } from "../../../agent/core/observed-state.ts";
import { NO_NETWORK_GENERATION } from "../../../agent/core/views.ts";
import type { Log } from "../../../agent/ports/log.ts";
import type { Fact } from "../facts.ts";
import { isOk } from "../invariants/told.ts";
import type { Trace } from "../trace.ts";
import { SimulatedAssignmentStore } from "./assignment.ts";
import { SimulatedNetwork } from "./build-network.ts";
import { SimulatedBuildkit } from "./buildkit.ts";
import { SimulatedCache } from "./cache-store.ts";
import { chance } from "./chance.ts";
import { SimulatedControlPlane, USUAL_ISSUING } from "./control-plane.ts";
import { GatewayLink } from "./gateway-link.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { SimulatedKeptOrders } from "./kept-orders.ts";
import { CERTIFICATE_READER, EVIDENCE, SimulatedIdentityStore, SimulatedKeys } from "./keys.ts";
import { Life, mortal } from "./life.ts";
import { SimulatedMachine } from "./machine.ts";
import { RecordDisk, SimulatedRecords } from "./record-disk.ts";
import type { SimulatedClock } from "./simulated-clock.ts";
import type { Stage } from "./stage.ts";
import { SimulatedTailnet } from "./tailnet.ts";

export const ENDING = { graceMs: 600_000, buildkitGraceMs: 10_000 } as const;

/** After an ending somebody starts the machine anew. */
const RESTART_MS = 15_000;

/** Smaller queues are work in progress, and not worth a word. */
const TOLD_SIZE = 100;

export interface WorldOptions {
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly seed: number;
  readonly isEncrypted: boolean;
  readonly log?: Log;
}

/** A machine with everything around it, and the control process on it as it is composed. */
export class World {
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly random: () => number;
  readonly gateway: GatewayProcess;
  readonly plane: SimulatedControlPlane;
  readonly buildkit: SimulatedBuildkit;
  readonly network: SimulatedNetwork;
  readonly cache: SimulatedCache;
  readonly tailnet: SimulatedTailnet;
  readonly disk = new RecordDisk();
  readonly #machine: SimulatedMachine;
  readonly #keys = new SimulatedKeys();
  readonly #identityStore = new SimulatedIdentityStore();
  readonly #assignment = new SimulatedAssignmentStore();
  readonly #keptOrders = new SimulatedKeptOrders();
  readonly #log: Log;
  /** The last state that was shown; undefined while nobody runs. */
  shown: ObservedState | undefined;
  onFact: (fact: Fact) => void = () => {};
  #lives = 0;
  #counted = 0;
  #process: Process | undefined;

  constructor({ clock, trace, seed, isEncrypted, log }: WorldOptions) {
    this.clock = clock;
    this.trace = trace;
    this.random = chance(seed);
    const stage: Stage = { clock, trace, random: this.random };
    this.#log = log ?? SILENT;
    this.gateway = new GatewayProcess(stage);
    this.plane = new SimulatedControlPlane(stage);
    this.buildkit = new SimulatedBuildkit(stage, this.gateway);
    this.network = new SimulatedNetwork(stage, this.gateway);
    this.buildkit.networkGeneration = () => this.network.applied?.generation ?? NO_NETWORK_GENERATION;
    this.cache = new SimulatedCache(stage, isEncrypted);
    this.tailnet = new SimulatedTailnet(stage);
    this.#machine = new SimulatedMachine(this.buildkit);
    this.disk.bootId = this.#machine.boot;
    clock.onSpin = () => trace.note({ is: "spun" });
  }

  get link(): GatewayLink | undefined {
    return this.#process?.link;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** The first start of everything. */
  boot(): void {
    this.gateway.start();
    this.startControl();
  }

  /** Harmless if it runs. */
  startControl(): void {
    if (this.#process !== undefined) return;
    this.#lives += 1;
    const life = new Life(this.#lives);
    const stage: Stage = { clock: this.clock, trace: this.trace, random: this.random };
    const link = new GatewayLink(stage, this.gateway);
    const records = new SimulatedRecords(stage, this.disk, life);
    const process: Process = { life, link, records, stop: new AbortController(), hurry: new AbortController() };
    this.#process = process;
    this.trace.note({ is: "control-started", bootId: this.#machine.boot });
    const startedMonoMs = this.clock.monoMs;
    const settings: AgentSettings = {
      cacheRoot: "/cache",
      cache: {
        filesystem: "ext4",
        requireEncryption: this.cache.isEncrypted,
        ...(this.cache.isEncrypted && { device: "/dev/vdb" }),
      },
      capabilities: ["builds", "cache-volume", "egress", "tailnet"],
      addresses: { controlPlane: "plane", gateway: "0.0.0.0:8443", health: "127.0.0.1:9090" },
      startedMonoMs,
      traces: { sessionPercent: 100 },
      ending: ENDING,
    };
    const signals = { stop: process.stop.signal, hurry: process.hurry.signal };
    void runAgent(this.#ports(process), settings, signals).then(
      (ending) => this.#over(process, () => this.trace.note({ is: "control-ended", ending })),
      (failure: unknown) =>
        this.#over(process, () => this.trace.note({ is: "control-failed", because: String(failure) })),
    );
  }

  /** SIGTERM, the first and each further one. */
  tellToStop(): void {
    const process = this.#process;
    if (process === undefined) return;
    if (process.stop.signal.aborted) {
      if (process.hurry.signal.aborted) return;
      this.trace.note({ is: "told-to-hurry" });
      process.hurry.abort();
    } else {
      this.trace.note({ is: "told-to-stop" });
      process.stop.abort();
    }
  }

  /** SIGKILL, and whoever keeps it running starts it again after a while. */
  killControl(downMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    process.link.end();
    process.life.end();
    this.#process = undefined;
    this.trace.note({ is: "control-killed" });
    this.clock.at(downMs, () => this.startControl());
  }

  restartGateway(downMs: number): void {
    this.link?.lose();
    this.gateway.die();
    this.clock.at(downMs, () => {
      this.gateway.start();
      this.link?.connect();
    });
  }

  loseLink(forMs: number): void {
    this.link?.lose();
    this.clock.at(forMs, () => this.link?.connect());
  }

  /** 1, 2, 3: for names that are given once. */
  count(): number {
    this.#counted += 1;
    return this.#counted;
  }

  setDisk(syncMs: number, isFull: boolean): void {
    this.disk.syncMs = syncMs;
    this.disk.isFull = isFull;
    const underWayMs = Math.max(0, this.disk.syncedAtMonoMs - this.clock.monoMs);
    this.trace.note({ is: "disk", syncMs, isFull, underWayMs });
  }

  /** Its connections to elsewhere do not survive. */
  suspend(forMs: number): void {
    this.clock.suspend(forMs);
    this.plane.drop();
  }

  hear(fact: Fact): void {
    if (fact.is === "shown") this.shown = fact.state;
    if (fact.is === "control-killed" || fact.is === "control-ended") this.shown = undefined;
    this.onFact(fact);
  }

  get unready(): string {
    return (this.shown?.checks ?? [])
      .filter((check) => !isOk(check))
      .map(({ name, message }) => `${name}: ${message}`)
      .join(", ");
  }

  passSecond(): void {
    for (const [what, size] of this.#queues()) if (size > TOLD_SIZE) this.trace.note({ is: "queue", what, size });
    this.trace.note({ is: "second" });
  }

  /**
   * Every fault is over. An ending that is under way is hurried, so that the machine is back in
   * time.
   */
  calm(): void {
    const { plane, buildkit, network, cache, tailnet } = this;
    this.setDisk(5, false);
    plane.reach = { at: "up" };
    plane.issuing = USUAL_ISSUING;
    [plane.acksToLose, plane.batchesToLose, plane.renewalsToFail, plane.clockAheadMs] = [0, 0, 0, 0];
    [buildkit.startsToFail, buildkit.startMs, buildkit.stopMs, buildkit.hangsUntilMonoMs] = [0, 800, 500, 0];
    [buildkit.usedBytes, buildkit.stuckBytes] = [buildkit.diskBytes / 5, 0];
    [network.appliesToFail, network.verifiesToFail, network.holesToFind] = [0, 0, 0];
    [cache.opensToFail, cache.closesToFail, cache.closeMs] = [0, 0, 700];
    [tailnet.joinsToFail, tailnet.leaveMs] = [0, 300];
    for (const buildId of plane.builds) plane.close(buildId, "ended");
    this.clock.setRight();
    this.link?.connect();
    if (this.#process === undefined) this.startControl();
    if (plane.drain !== undefined || this.#process?.stop.signal.aborted === true) {
      this.tellToStop();
      this.tellToStop();
    }
    this.trace.note({ is: "calm" });
  }

  /** Nobody looks any more. */
  abandon(): void {
    this.#process?.life.end();
    this.#process = undefined;
  }

  /** What may have piled up, by name. */
  #queues(): readonly (readonly [string, number])[] {
    return [
      ["events of the gateway that nobody has read", this.link?.unread ?? 0],
      ["messages of the control plane that nobody has read", this.plane.unread],
      ["changes of BuildKit's unit that nobody has read", this.buildkit.unread],
      ["changes of the tailnet that nobody has read", this.tailnet.unread],
      ["calls that wait for the records' disk", this.#process?.records.queued ?? 0],
      ["timers", this.clock.sleeping],
    ];
  }

  #over(process: Process, tell: () => void): void {
    if (this.#process !== process) return;
    tell();
    process.link.end();
    process.life.end();
    this.#process = undefined;
    // The order that ended it was for the machine that it ended.
    if (this.plane.drain !== undefined) this.plane.drain = undefined;
    this.plane.change();
    this.clock.at(RESTART_MS, () => this.#reboot());
  }

  #reboot(): void {
    if (this.#process !== undefined) return;
    this.gateway.die();
    this.trace.note({ is: "rebooted" });
    this.plane.lost();
    this.#machine.reboot();
    this.disk.bootId = this.#machine.boot;
    this.buildkit.reboot();
    this.network.reboot();
    this.cache.reboot();
    this.tailnet.reboot();
    this.boot();
  }

  #ports({ life, link, records }: Process): AgentPorts {
    const clock = this.clock.of(life, this.random);
    return {
      clock,
      log: this.#log,
      meters: NO_METERS,
      installed: { isOutdated: () => false },
      plane: this.plane.port(life),
      gateway: mortal(link, life),
      records: mortal(records, life),
      machine: mortal(this.#machine, life),
      keys: mortal(this.#keys, life),
      certificates: CERTIFICATE_READER,
      identityStore: mortal(this.#identityStore, life),
      evidence: EVIDENCE,
      cacheVolume: this.cache.isEncrypted ? mortal(this.cache, life) : undefined,
      ownUnits: undefined,
      plainCache: mortal(this.cache, life),
      cacheFilesystem: { look: () => this.cache.look() },
      keyUnwrap: { unwrap: () => life.never() },
      ownRuntime: { nodeVersion: "v24.0.0", eventLoopDelayMs: () => 0, memory: async () => undefined },
      cas: { pinned: [EVERLASTING_CA], read: () => [EVERLASTING_CA] },
      names: { addressesOf: async () => ["192.0.2.80"] },
      buildNetwork: mortal(this.network, life),
      tailnet: { node: mortal(this.tailnet, life), api: mortal(this.tailnet, life) },
      unit: mortal(this.buildkit.unit, life),
      probe: mortal(this.buildkit.probe, life),
      trial: mortal(this.buildkit.trial, life),
      preparation: async () => this.buildkit.preparation,
      configuration: (settings, diskBytes) => JSON.stringify([settings.maxParallelism, diskBytes]),
      buildkitCache: mortal(this.buildkit.cache, life),
      ownUnit: { ready: () => {}, tell: () => {}, replaced: () => {}, stopping: () => {} },
      notices: { find: async () => ({ at: "none", because: "there is no platform" }) },
      operators: undefined,
      diagnostics: undefined,
      assignment: mortal(this.#assignment, life),
      keptOrders: mortal(this.#keptOrders, life),
      traces: { tell: () => {}, send: (_target, _machineId, _note, signal) => clock.sleep(Infinity, signal) },
      troubles: { load: async () => undefined, save: async () => undefined, lastEnd: () => undefined },
      board: { show: (state) => life.isAlive && this.trace.note({ is: "shown", state }) },
    };
  }
}

interface Process {
  readonly life: Life;
  readonly link: GatewayLink;
  readonly records: SimulatedRecords;
  readonly stop: AbortController;
  readonly hurry: AbortController;
}

const EVERLASTING_CA = { subject: "CN=everlasting", notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER };

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const NO_METERS: AgentPorts["meters"] = {
  gateway: () => {},
  gatewayLost: () => {},
  sessionClosed: () => {},
  planeAttached: () => {},
  planeCallFailed: () => {},
  messageRefused: () => {},
  buildkitExited: () => {},
  stepTried: () => {},
  cachePruned: () => {},
  historyDeleted: () => {},
  renewalFailed: () => {},
  clockOffset: () => {},
  records: () => {},
  restarted: () => {},
};
