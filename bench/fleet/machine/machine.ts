import "./many-in-one-process.ts";

import { createHmac } from "node:crypto";
import { systemClock } from "../../../agent/adapters/clock/system-clock.ts";
import { connectControlPlane } from "../../../agent/adapters/grpc/connect-control-plane.ts";
import { certificateReader } from "../../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../../agent/adapters/keys/key-maker.ts";
import { type AgentEnding, type AgentPorts, runAgent } from "../../../agent/control/agent.ts";
import type { MountSeen } from "../../../agent/core/cache-filesystem.ts";
import { CONTRACT, type MachineFacts } from "../../../agent/core/machine.ts";
import type { ObservedState } from "../../../agent/core/observed-state.ts";
import { Secret } from "../../../agent/core/secret.ts";
import type { OpenedVolume } from "../../../agent/core/volume/order.ts";
import type { Clock } from "../../../agent/ports/clock.ts";
import type { EvidenceSource } from "../../../agent/ports/evidence.ts";
import type { IdentityStore, StoredIdentity } from "../../../agent/ports/keys.ts";
import type { Log } from "../../../agent/ports/log.ts";
import { InstantBuildkit } from "./buildkit.ts";
import { EchoGateway } from "./gateway.ts";
import { MemoryRecords } from "./records.ts";
import { type Call, watchedPlane } from "./watched-plane.ts";

const GIB = 1024 ** 3;

/** Where the control plane is, and whom to believe that it is it. */
export interface PlaneAddress {
  readonly endpoint: string;
  readonly serverName: string;
  readonly caPem: string;
}

export interface MachineOptions {
  /** Of this fleet; also its boot's id, so that the control plane's side can be told by it. */
  readonly name: string;
  /** How it proves itself: a join token, or what stands for its platform. */
  readonly proof: string | EvidenceSource;
  readonly plane: PlaneAddress;
  readonly log?: Log;
  /** Absent: the system's. */
  readonly clock?: Clock;
  readonly onCall?: (call: Call) => void;
  readonly onApplied?: (revision: bigint) => void;
}

/**
 * A builder VM: the agent's control process as it is composed, over the real wire to its control
 * plane. All else that it asks of a machine answers at once.
 */
export class FleetMachine implements AsyncDisposable {
  readonly name: string;
  readonly gateway: EchoGateway;
  /** Resolves when it has ended in order; rejects if it could not. */
  readonly ended: Promise<AgentEnding>;
  readonly #stop = new AbortController();
  readonly #hurry = new AbortController();
  #shown: ObservedState | undefined;

  private constructor(options: MachineOptions, gateway: EchoGateway) {
    this.name = options.name;
    this.gateway = gateway;
    this.ended = this.#live(options);
    this.ended.catch(() => undefined);
  }

  static async boot(options: MachineOptions): Promise<FleetMachine> {
    const gateway = await EchoGateway.open({
      clock: options.clock ?? systemClock(),
      log: options.log ?? SILENT,
      onApplied: (revision) => options.onApplied?.(revision),
    });
    return new FleetMachine(options, gateway);
  }

  /** What it last told of itself. */
  get shown(): ObservedState | undefined {
    return this.#shown;
  }

  /** SIGTERM, and at once a second one: builds that are open are cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#hurry.abort();
    await this.ended.catch(() => undefined);
    await this.gateway[Symbol.asyncDispose]();
  }

  async #live(options: MachineOptions): Promise<AgentEnding> {
    const { clock = systemClock(), log = SILENT } = options;
    const { serverName, endpoint, caPem } = options.plane;
    await using plane = connectControlPlane({ endpoint, serverName, caPem, log });
    const buildkit = new InstantBuildkit();
    let writes = 0;
    const ports: AgentPorts = {
      clock,
      log,
      meters: NO_METERS,
      installed: { isOutdated: () => false },
      plane: watchedPlane(plane, (call) => options.onCall?.(call)),
      gateway: this.gateway,
      records: new MemoryRecords(options.name),
      machine: {
        facts: async () => factsOf(options.name),
        bootId: async () => options.name,
        versions: async () => ({ agent: "0", node: process.versions.node, buildkit: "v0.33.1", contract: CONTRACT }),
        resources: async () => RESOURCES,
      },
      keys: keyMaker(),
      certificates: certificateReader(),
      identityStore: memoryStore(),
      evidence: typeof options.proof === "string" ? joinToken(options.proof) : options.proof,
      cacheVolume: undefined,
      cacheFilesystem: { look: () => ({ write: { is: "written", number: String((writes += 1)) }, mount: MOUNT }) },
      ownUnits: undefined,
      plainCache: { open: async () => CACHE, close: async () => undefined },
      keyUnwrap: { unwrap: () => Promise.reject(new Error("a plain cache has no key")) },
      ownRuntime: { nodeVersion: "v24.0.0", eventLoopDelayMs: () => 0, memory: async () => undefined },
      cas: { pinned: [EVERLASTING_CA], read: () => [EVERLASTING_CA] },
      names: { addressesOf: async () => ["192.0.2.80"] },
      buildNetwork: undefined,
      tailnet: undefined,
      unit: buildkit,
      probe: buildkit,
      trial: { tryStep: async () => ({ outcome: { is: "ran", tookMs: 60 } }) },
      preparation: async () => buildkit.preparation(),
      configuration: (settings, diskBytes) => JSON.stringify([settings.maxParallelism, diskBytes]),
      buildkitCache: buildkit,
      notices: { find: async () => ({ at: "none", because: "there is no platform" }) },
      operators: undefined,
      diagnostics: undefined,
      traces: { tell: () => {}, send: (_target, _machineId, _note, signal) => clock.sleep(Infinity, signal) },
      troubles: { load: async () => undefined, save: async () => undefined, lastEnd: () => undefined },
      ownUnit: { ready: () => {}, tell: () => {}, replaced: () => {}, stopping: () => {} },
      assignment: { load: async () => undefined, save: async () => undefined },
      keptOrders: { load: async () => undefined, save: async () => undefined, forget: async () => undefined },
      board: { show: (state) => void (this.#shown = state) },
    };
    const settings = {
      cacheRoot: "/cache",
      cache: { filesystem: "ext4", requireEncryption: false },
      capabilities: ["builds"],
      addresses: { controlPlane: "plane", gateway: "none", health: "none" },
      startedMonoMs: clock.now().monoMs,
      traces: { sessionPercent: 100 },
      ending: { graceMs: 600_000, buildkitGraceMs: 10_000 },
    } as const;
    return await runAgent(ports, settings, { stop: this.#stop.signal, hurry: this.#hurry.signal });
  }
}

/** As agent/adapters/evidence has it, with the token in memory: a thousand files would be work. */
function joinToken(token: string): EvidenceSource {
  return {
    kind: "join-token",
    async gather({ nonce }, { spkiSha256 }) {
      const mac = createHmac("sha256", token).update("builder-agent join v1\0").update(nonce);
      return { kind: "join-token", token: new Secret(token), binding: mac.update(spkiSha256, "hex").digest() };
    },
  };
}

function memoryStore(): IdentityStore {
  let kept: { readonly bootId: string; readonly identity: StoredIdentity } | undefined;
  return {
    load: async (bootId) => (kept?.bootId === bootId ? kept.identity : undefined),
    save: async (bootId, identity) => void (kept = { bootId, identity }),
    forget: async () => void (kept = undefined),
  };
}

function factsOf(name: string): MachineFacts {
  return {
    bootId: name,
    hostname: name,
    architecture: "amd64",
    kernel: "6.1",
    os: "Debian 12",
    cpuCount: 8,
    cpuModel: "stand-in",
    memoryBytes: 32 * GIB,
    platform: "stand-in",
    blockDevices: [],
  };
}

const RESOURCES = {
  memoryAvailableBytes: 16 * GIB,
  load1m: 1,
  cacheSizeBytes: 100 * GIB,
  cacheFreeBytes: 80 * GIB,
  cacheInodes: 0,
  cacheFreeInodes: 0,
} as const;

const MOUNT: MountSeen = {
  ...{ mountPoint: "/", device: "0:1", root: "/", source: "none", filesystem: "none" },
  options: [],
};

const CACHE: OpenedVolume = {
  encrypted: false,
  device: "/cache",
  volumeId: "",
  kind: "plain",
  filesystem: "",
  formatted: false,
  check: "not-needed",
  grownBytes: 0,
  steps: [],
  takenOver: false,
};

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
