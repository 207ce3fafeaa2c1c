import { untilBeatMs } from "../core/beat.ts";
import { type Begun, contactOf, type Head, runOf } from "../core/head.ts";
import type { Instant } from "../core/instant.ts";
import type { LoopStatus } from "../core/loop-status.ts";
import type { Boot, Versions } from "../core/machine.ts";
import { noticesIn } from "../core/notices/view.ts";
import { observedEnding } from "../core/observed-ending.ts";
import { inOneLine, type ObservedGateway, type ObservedState } from "../core/observed-state.ts";
import { refusedBuilds } from "../core/refused-builds.ts";
import { tailnetObserved } from "../core/tailnet/observed.ts";
import { type GatewayHere, openThrough } from "../core/views.ts";
import { Cell, onTurn } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { HealthBoard } from "../ports/health-board.ts";
import type { Machine } from "../ports/machine.ts";
import type { OwnUnit } from "../ports/own-unit.ts";
import type { Board } from "./board/board.ts";

const RESOURCES_EVERY_MS = 5_000;
/** The service manager's line for people: no more often than this, for each costs it a message. */
const STATUS_LINE_GAP_MS = 2_000;

/**
 * Puts what is known together, whole, after each change: for the control plane and for whoever asks
 * this machine.
 */
export async function observe(
  { clock, board: shown }: { readonly clock: Clock; readonly board: HealthBoard },
  board: Board,
  boot: Begun & Pick<Boot, "versions">,
  loops: () => readonly LoopStatus[],
  signal: AbortSignal,
): Promise<void> {
  const { phase, gateway, cache, network, tailnet, bootChapters, buildkit, plane, certificates, checks } = board;
  const { desired, frozen, resources, identity, troubles, debugTerminals, notices } = board;
  const { endOrders, endingAt, endingSteps } = board;
  const versions = new Cell<Versions | undefined>(undefined);
  boot.versions.then(
    (known) => versions.set(known),
    () => undefined,
  );
  await onTurn(
    clock,
    [
      ...[phase, gateway, cache, network, tailnet, bootChapters, buildkit, plane, certificates, checks],
      ...[desired, frozen, resources, identity, versions, troubles, debugTerminals, notices],
      ...[endOrders, endingAt, endingSteps],
    ],
    () => {
      const now = clock.now();
      const head = headOf(board, boot, versions.get(), now);
      const state = snapshot(board, head, loops(), now);
      shown.show(state);
      board.observed.set(state);
    },
    signal,
  );
}

/**
 * Tells the service manager in one line how this machine is: when the words change, and not in
 * bursts.
 */
export async function showStatusLine(
  { clock, ownUnit }: { readonly clock: Clock; readonly ownUnit: OwnUnit },
  { observed }: Pick<Board, "observed">,
  signal: AbortSignal,
): Promise<void> {
  for (let told = ""; !signal.aborted; ) {
    const state = await observed.first((now) => now !== undefined && inOneLine(now) !== told, signal);
    if (state === undefined) return;
    told = inOneLine(state);
    ownUnit.tell(told);
    await clock.sleep(STATUS_LINE_GAP_MS, signal);
  }
}

/**
 * Memory, load and disk, every few seconds. Not before the cache is open: until then another file
 * system lies in its place.
 */
export async function measureResources(
  { machine, clock }: { readonly machine: Machine; readonly clock: Clock },
  { cache, resources }: Pick<Board, "cache" | "resources">,
  cacheRoot: string,
  signal: AbortSignal,
): Promise<void> {
  await cache.first((view) => view.at === "open", signal);
  while (!signal.aborted) {
    resources.set(await machine.resources(cacheRoot));
    await clock.sleep(untilBeatMs(clock.now(), RESOURCES_EVERY_MS), signal);
  }
}

function headOf({ identity, desired, plane }: Board, boot: Begun, versions: Versions | undefined, now: Instant): Head {
  const [machine, assignment] = [identity.get(), desired.get()?.assignment];
  return {
    ...(machine && { machineId: machine.machineId }),
    ...(assignment && { assignment }),
    ...(versions && { versions }),
    run: runOf(boot, now),
    contact: contactOf(plane.get(), now),
  };
}

function snapshot(board: Board, head: Head, loops: readonly LoopStatus[], now: Instant): ObservedState {
  const view = board.gateway.get();
  const gateway = view.at === "here" ? view : undefined;
  // Of a gateway that is away we know what we knew: none is never reported on a guess.
  const before = board.observed.get();
  const plane = board.plane.get();
  const { version, restarts, lastExit, quarantined } = board.buildkit.get();
  const { machineNotAfterMs, lastRenewalError } = board.certificates.get();
  const resources = board.resources.get();
  const cache = board.cache.get();
  const counts = board.gatewayCounts.get();
  const grants = board.desired.get()?.grants;
  const [phase, checks, frozen] = [board.phase.get(), board.checks.get(), board.frozen.get()];
  const debugTerminals = board.debugTerminals.get();
  const [orders, at = "draining", steps] = [board.endOrders.get(), board.endingAt.get(), board.endingSteps.get()];
  const ending = observedEnding(orders, at, steps, now, before?.ending);
  const notices = noticesIn(board.notices.get());
  return {
    observedAtMs: now.wallMs,
    head,
    phase,
    appliedRevision: gateway === undefined ? (before?.appliedRevision ?? 0n) : (gateway.applied?.revision ?? 0n),
    appliedEpoch: gateway === undefined ? (before?.appliedEpoch ?? "") : (gateway.applied?.epoch ?? ""),
    ...(plane.refused && { refused: plane.refused }),
    ...(gateway && { gateway: observedGateway(gateway) }),
    builds: gateway === undefined ? (before?.builds ?? new Map()) : sessionsByBuild(gateway),
    ...(grants && { refusedBuilds: refusedBuilds({ grants, frozen, phase, checks, nowWallMs: now.wallMs }) }),
    checks,
    ...(resources && { resources }),
    ...(cache.at === "open" && { cache: cache.volume }),
    ...tailnetObserved(board.tailnet.get(), board.network.get()),
    ...(debugTerminals.length > 0 && { debugTerminals }),
    ...(ending && { ending }),
    ...(notices.length > 0 && { notices }),
    bootChapters: board.bootChapters.get(),
    buildkit: { version, restarts, lastExit, quarantined },
    certificates: {
      ...(machineNotAfterMs !== undefined && { machineNotAfterMs }),
      ...(gateway?.servingNotAfterMs !== undefined && { servingNotAfterMs: gateway.servingNotAfterMs }),
      lastRenewalError,
    },
    counters: {
      sessionsAccepted: counts.accepted,
      sessionsRefused: counts.refused,
      messagesRefused: plane.messagesRefused,
    },
    troubles: board.troubles.get(),
    loops,
  };
}

function observedGateway({ runId, listening, open, beside }: GatewayHere): ObservedGateway {
  const finishing = { runIds: beside?.runIds ?? [], sessions: beside?.open.size ?? 0 };
  return { runId, listening, sessions: open.size, finishing };
}

function sessionsByBuild(gateway: GatewayHere): ReadonlyMap<string, number> {
  const builds = new Map<string, number>();
  for (const buildId of openThrough(gateway).values()) builds.set(buildId, (builds.get(buildId) ?? 0) + 1);
  return builds;
}
