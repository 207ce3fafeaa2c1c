import type { CacheDefaults } from "../core/cache-intent.ts";
import type { Ending, EndOrder } from "../core/end-orders.ts";
import { inWords } from "../core/errors.ts";
import type { Addresses } from "../core/head.ts";
import type { OwnTraces } from "../core/traces/target.ts";
import type { Pulse } from "../lifecycle/pulse.ts";
import { Tasks } from "../lifecycle/tasks.ts";
import type { HealthBoard } from "../ports/health-board.ts";
import type { Traces } from "../ports/traces.ts";
import type { TroubleStore } from "../ports/trouble-store.ts";
import { ageHistory, type HistoryPorts } from "./age-history.ts";
import { answerDiagnostics, type DiagnosticsPorts } from "./answer-diagnostics.ts";
import { type AttachPorts, stayAttached } from "./attach/attach.ts";
import { Belonging, type BelongingPorts } from "./belong/belong.ts";
import { newBoard } from "./board/board.ts";
import { hearTime } from "./board/hear-time.ts";
import type { Prove } from "./board/prove.ts";
import { MachineRefused, Refusals } from "./board/refusals.ts";
import { SessionInbox } from "./board/session-inbox.ts";
import { lookAround } from "./boot.ts";
import type { BuildkitPorts } from "./buildkit/parts.ts";
import { runBuildkit } from "./buildkit/run-buildkit.ts";
import { keepCertificates } from "./certificates/certificates.ts";
import type { CertificatePorts } from "./certificates/parts.ts";
import { type DebugChapterPorts, keepTerminals } from "./debug/keep-terminals.ts";
import { orderByControlPlane, orderBySignal, orderEnd, type StopSignals } from "./end-orders.ts";
import { endInOrder } from "./ending/end.ts";
import type { EndingLimits, EndingPorts } from "./ending/parts.ts";
import { examine } from "./examine.ts";
import { showFigures } from "./figures.ts";
import { instructGateway } from "./instruct-gateway.ts";
import { type AssignmentPorts, keepAssignment } from "./keep-assignment.ts";
import { KeptEndOrders, type KeptOrderPorts } from "./keep-end-orders.ts";
import { keepRecords } from "./keep-records.ts";
import { guardNetwork, type NetworkPorts } from "./network/guard-network.ts";
import { Provider } from "./notices/heed-provider.ts";
import type { NoticePorts } from "./notices/heeding.ts";
import { measureResources, observe, showStatusLine } from "./observe.ts";
import { type CachePorts, openCache } from "./open-cache.ts";
import { type BundlePorts, readBundles } from "./read-bundles.ts";
import { type ReliefPorts, relieveDisk } from "./relieve-disk.ts";
import { rememberTroubles } from "./remember-troubles.ts";
import { sendTraces } from "./send-traces.ts";
import { type OperatorPorts, serveOperators } from "./serve-operators.ts";
import { joinTailnet, type TailnetPorts } from "./tailnet/join.ts";
import { timeBoot } from "./time-boot.ts";
import { type TrialPorts, trySteps } from "./try-steps.ts";
import { type CacheWatchPorts, watchCache } from "./watch-cache.ts";
import { watchGateway } from "./watch-gateway/watch-gateway.ts";
import { type RuntimePorts, watchRuntime } from "./watch-runtime.ts";
import { type UnitPorts, watchUnits } from "./watch-units.ts";

export type AgentPorts = BelongingPorts &
  CertificatePorts &
  AttachPorts &
  CachePorts &
  CacheWatchPorts &
  UnitPorts &
  NetworkPorts &
  TailnetPorts &
  BuildkitPorts &
  TrialPorts &
  ReliefPorts &
  HistoryPorts &
  AssignmentPorts &
  DebugChapterPorts &
  EndingPorts &
  KeptOrderPorts &
  OperatorPorts &
  BundlePorts &
  RuntimePorts &
  NoticePorts &
  DiagnosticsPorts & { readonly board: HealthBoard; readonly troubles: TroubleStore; readonly traces: Traces };

export interface AgentSettings {
  /** The directory whose file system holds BuildKit's cache. */
  readonly cacheRoot: string;
  readonly cache: CacheDefaults;
  /** What this agent can do on this machine, by the names of the contract. */
  readonly capabilities: readonly string[];
  readonly addresses: Addresses;
  /** When this process began, CLOCK_MONOTONIC. */
  readonly startedMonoMs: number;
  readonly traces: OwnTraces;
  readonly ending: EndingLimits;
}

export type AgentSignals = StopSignals & {
  /**
   * SIGHUP: what waits before its next try to reach the control plane tries now. Absent: nobody
   * asks.
   */
  readonly retryNow?: Pulse;
};

export type AgentEnding = Pick<Ending, "ended" | "reason">;

/**
 * The story of the control process: one line a chapter. Resolves when the machine has ended in
 * order.
 */
export async function runAgent(
  machine: AgentPorts,
  settings: AgentSettings,
  signals: AgentSignals,
): Promise<AgentEnding> {
  const { clock, log, traces } = machine;
  const { graceMs } = settings.ending;
  const board = newBoard(signals.retryNow);
  const ports = { ...machine, plane: hearTime(machine.plane, clock, board) };
  const inbox = new SessionInbox();
  await using tasks = new Tasks({ clock, log, traces, isFatal: (failure) => failure instanceof MachineRefused });
  const boot = await lookAround(ports, settings, signals.stop);
  const { controlPlane } = settings.addresses;
  const fixed = {
    controlPlane,
    requireEncryption: settings.cache.requireEncryption,
    capabilities: boot.capabilities,
  };
  const refusals = new Refusals(clock);
  const belonging = new Belonging(ports, board, boot, refusals);
  const prove: Prove = (signal, unless) => belonging.prove(signal, unless);
  const kept = new KeptEndOrders(ports, board, boot.bootId);
  await kept.recall();
  ports.ownUnit.ready();

  tasks.run("gateway", (signal) => watchGateway(ports, inbox, board, signal));
  tasks.run("records", (signal, report) => keepRecords(ports, inbox, board, report, signal));
  tasks.run("cache", (signal, report) => openCache(ports, board, settings.cache, report, signal));
  tasks.run("cache-filesystem", (signal) => watchCache(ports, board, signal));
  tasks.run("units", (signal) => watchUnits(ports, board, signal));
  tasks.run("resources", (signal) => measureResources(ports, board, settings.cacheRoot, signal));
  tasks.run("tailnet", (signal, report) => joinTailnet(ports, board, report, signal));
  tasks.run("network", (signal, report) => guardNetwork(ports, board, report, signal));
  tasks.run("buildkit", (signal, report) => runBuildkit(ports, board, report, signal));
  tasks.run("step-trials", (signal, report) => trySteps(ports, board, report, signal));
  tasks.run("disk", (signal, report) => relieveDisk(ports, board, report, signal));
  tasks.run("history", (signal, report) => ageHistory(ports, board, report, signal));
  tasks.run("runtime", (signal) => watchRuntime(ports, board, signal));
  tasks.run("ca-bundles", (signal) => readBundles(ports, board, signal));
  tasks.run("checks", (signal) => examine(ports, board, fixed, signal));
  tasks.run("observed-state", (signal) => observe(ports, board, boot, () => tasks.loops, signal));
  tasks.run("figures", (signal) => showFigures(ports, board, signal));
  tasks.run("troubles", (signal) => rememberTroubles(ports, board, boot, signal));
  tasks.run("status-line", (signal) => showStatusLine(ports, board, signal));
  tasks.run("instructions", (signal) => instructGateway(ports.gateway, board, signal));
  tasks.run("registration", (signal) => belonging.begin(signal));
  tasks.run("assignment", (signal, report) => keepAssignment(ports, board, boot, report, signal));
  tasks.run("certificates", (signal, report) =>
    keepCertificates(ports, board, boot.bootId, refusals, prove, report, signal),
  );
  tasks.run("control-plane", (signal, report) => stayAttached(ports, board, boot, refusals, prove, report, signal));
  tasks.run("debug-terminals", (signal) => keepTerminals(ports, board, signal));
  tasks.run("diagnostics", (signal, report) => answerDiagnostics(ports, board, report, signal));
  tasks.run("traces", (signal) => sendTraces(ports, board, settings.traces, signal));
  tasks.run("boot-chapters", (signal) => timeBoot(ports, board, boot, signal));

  tasks.run("end-orders", (signal) => kept.follow(signal));
  tasks.run("signals", (signal) => orderBySignal(ports, board, signals, graceMs, signal));
  const means = { order: (order: EndOrder) => orderEnd(board, order), graceMs, loops: () => tasks.loops };
  const provider = new Provider(ports, board, means);
  tasks.run("operators", (signal, report) => serveOperators(ports, board, means, report, signal));
  tasks.run("notices", (signal) => provider.heed(signal));
  tasks.run("drain-orders", (signal) => orderByControlPlane(ports, board, signal));
  tasks.ended.catch((err: unknown) =>
    orderEnd(board, { from: "refusal", reason: inWords(err), deadlineMonoMs: clock.now().monoMs + graceMs }),
  );

  await board.endOrders.first((orders) => orders.length > 0, new AbortController().signal);
  const { ended, reason } = await endInOrder(ports, board, inbox, settings.ending, () => kept.over());
  await provider.acknowledge(new AbortController().signal);
  return { ended, reason };
}
