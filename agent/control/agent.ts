import type { BootChapter } from "../core/boot-chapters.ts";
import type { CacheDefaults } from "../core/cache-intent.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { type DiskRelief, IDLE_RELIEF } from "../core/disk-relief.ts";
import type { CheckResult } from "../core/health.ts";
import type { Boot, Resources } from "../core/machine.ts";
import type { ObservedState } from "../core/observed-state.ts";
import type { Phase } from "../core/phase.ts";
import { PlaneError } from "../core/plane-status.ts";
import type {
  BuildkitView,
  CacheView,
  CertificatesView,
  FrozenBuilds,
  GatewayView,
  IsolationView,
  NetworkView,
  PlaneView,
  RecordCounts,
  TailnetView,
} from "../core/views.ts";
import { certifying, NO_BUILDKIT, NO_GATEWAY, NO_PLANE } from "../core/views.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { Cell } from "../lifecycle/cell.ts";
import { Tasks } from "../lifecycle/tasks.ts";
import type { HealthBoard } from "../ports/health-board.ts";
import type { MachineIdentity, SigningRequest } from "../ports/keys.ts";
import { type AttachPorts, stayAttached } from "./attach.ts";
import { lookAround } from "./boot.ts";
import { type CertificatePorts, keepCertificates } from "./certificates.ts";
import { type EndingLimits, type EndingPorts, endInOrder, reasonToEnd } from "./end.ts";
import { examine } from "./examine.ts";
import { guardNetwork, type NetworkPorts } from "./guard-network.ts";
import { instructGateway } from "./instruct-gateway.ts";
import { RecordKeeper } from "./keep-records.ts";
import { measureResources, observe } from "./observe.ts";
import { type CachePorts, openCache } from "./open-cache.ts";
import { type Membership, type RegistrationPorts, recall, register, tryRegister } from "./registration.ts";
import { type ReliefPorts, relieveDisk } from "./relieve-disk.ts";
import { type BuildkitPorts, runBuildkit } from "./run-buildkit.ts";
import { joinTailnet, type TailnetPorts } from "./tailnet/join.ts";
import { timeBoot } from "./time-boot.ts";
import { watchGateway } from "./watch-gateway.ts";

export type AgentPorts = RegistrationPorts &
  CertificatePorts &
  AttachPorts &
  CachePorts &
  NetworkPorts &
  TailnetPorts &
  BuildkitPorts &
  ReliefPorts &
  EndingPorts & { readonly board: HealthBoard };

export interface AgentSettings {
  /** The directory whose file system holds BuildKit's cache. */
  readonly cacheRoot: string;
  readonly cache: CacheDefaults;
  /** What this agent can do on this machine, by the names of the contract. */
  readonly capabilities: readonly string[];
  /** When this process began, CLOCK_MONOTONIC. */
  readonly startedMonoMs: number;
  readonly ending: EndingLimits;
}

export interface AgentSignals {
  /** The first SIGTERM: drain, then end. */
  readonly stop: AbortSignal;
  /** The second: the drain's deadline is now. */
  readonly hurry: AbortSignal;
}

export interface AgentEnding {
  readonly ended: "stopped" | "drained" | "refused";
  readonly reason: string;
}

/** The story of the control process: one line a chapter. Resolves when the machine has ended in order. */
export async function runAgent(
  ports: AgentPorts,
  settings: AgentSettings,
  signals: AgentSignals,
): Promise<AgentEnding> {
  const { clock, log } = ports;
  const cells = newCells();
  const keeper = new RecordKeeper();
  await using tasks = new Tasks({ clock, log, isFatal: isRefusal });
  const boot = await lookAround(ports, settings, signals.stop);
  ports.ownUnit.ready();

  tasks.run("gateway", (signal) => watchGateway(ports, cells, (runId, event) => keeper.note(runId, event), signal));
  tasks.run("records", (signal) => keeper.keep(ports, cells.recordCounts, signal));
  tasks.run("cache", (signal) => openCache(ports, cells, settings.cache, signal));
  tasks.run("resources", (signal) => measureResources(ports, cells, settings.cacheRoot, signal));
  tasks.run("tailnet", (signal) => joinTailnet(ports, cells, signal));
  tasks.run("network", (signal) => guardNetwork(ports, cells, signal));
  tasks.run("buildkit", (signal) => runBuildkit(ports, cells, signal));
  tasks.run("disk", (signal) => relieveDisk(ports, cells, signal));
  tasks.run("checks", (signal) => examine(ports, cells, boot, settings.cache, signal));
  tasks.run("observed-state", (signal) => observe(ports, cells, signal));
  tasks.run("instructions", (signal) => instructGateway(ports.gateway, cells, signal));
  tasks.run("control-plane", (signal) => belong(ports, cells, boot, signal));
  tasks.run("boot-chapters", (signal) => timeBoot(ports, cells, boot, signal));

  const why = await Promise.race([
    reasonToEnd(clock, cells, settings.ending, signals.stop),
    tasks.ended.catch((failure: unknown) => refusedBy(failure, clock.now().wallMs + settings.ending.graceMs)),
  ]);
  await endInOrder(ports, cells, settings.ending, why, signals.hurry);
  return { ended: why.ended, reason: why.reason };
}

/** Registers or recalls who we are, then keeps certificates young and the stream open. */
async function belong(ports: AgentPorts, cells: AgentCells, boot: Boot, outer: AbortSignal): Promise<void> {
  const enter = (member: Membership): MachineIdentity => {
    const { identity, servingChainPem, servingSpkiSha256 } = member;
    cells.machineId.set(identity.machineId);
    cells.certificates.update((view) => ({ ...view, machineNotAfterMs: identity.notAfterMs }));
    if (servingChainPem !== undefined && servingSpkiSha256 !== undefined) {
      ports.gateway.certify(servingSpkiSha256, servingChainPem);
      cells.gateway.update((view) => certifying(view, servingSpkiSha256));
    }
    return identity;
  };
  const identity = new Cell(enter((await recall(ports, boot)) ?? (await register(ports, cells, boot, outer))));
  const reRegister = async (signal: AbortSignal): Promise<boolean> => {
    const member = await tryRegister(ports, cells, boot, signal);
    if (member !== undefined) identity.set(enter(member));
    return member !== undefined;
  };
  await firstOf(
    outer,
    (signal) => keepCertificates(ports, { ...cells, identity }, boot.bootId, reRegister, signal),
    (signal) => stayAttached(ports, { ...cells, identity }, boot, reRegister, signal),
  );
}

function isRefusal(failure: unknown): boolean {
  return failure instanceof PlaneError && failure.step === "end-agent";
}

function refusedBy(failure: unknown, deadlineWallMs: number) {
  const reason = failure instanceof Error ? failure.message : String(failure);
  return { ended: "refused" as const, reason, deadlineWallMs };
}

type AgentCells = ReturnType<typeof newCells>;

function newCells() {
  return {
    phase: new Cell<Phase>({ at: "starting" }),
    /** As the control plane named it; "" before. */
    machineId: new Cell(""),
    desired: new Cell<DesiredState | undefined>(undefined),
    plane: new Cell<PlaneView>(NO_PLANE),
    gateway: new Cell<GatewayView>(NO_GATEWAY),
    servingRequest: new Cell<SigningRequest | undefined>(undefined),
    cache: new Cell<CacheView>({ at: "waiting" }),
    network: new Cell<NetworkView>({ at: "waiting" }),
    isolation: new Cell<IsolationView>({ at: "unverified" }),
    tailnet: new Cell<TailnetView>({ at: "unknown" }),
    buildkit: new Cell<BuildkitView>(NO_BUILDKIT),
    certificates: new Cell<CertificatesView>({ lastRenewalError: "" }),
    resources: new Cell<Resources | undefined>(undefined),
    relief: new Cell<DiskRelief>(IDLE_RELIEF),
    recordCounts: new Cell<RecordCounts>({ waiting: 0, dropped: 0 }),
    checks: new Cell<readonly CheckResult[]>([]),
    frozen: new Cell<FrozenBuilds>(undefined),
    bootChapters: new Cell<readonly BootChapter[]>([]),
    observed: new Cell<ObservedState | undefined>(undefined),
    reported: new Cell<ObservedState | undefined>(undefined),
  };
}
