import type { BootChapter } from "../core/boot-chapters.ts";
import type { CheckResult } from "../core/health.ts";
import type { Resources } from "../core/machine.ts";
import { inOneLine, type ObservedState } from "../core/observed-state.ts";
import type { Phase } from "../core/phase.ts";
import { tailnetObserved } from "../core/tailnet/observed.ts";
import type {
  BuildkitView,
  CacheView,
  CertificatesView,
  GatewayView,
  NetworkView,
  PlaneView,
  TailnetView,
} from "../core/views.ts";
import { type Cell, onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { HealthBoard } from "../ports/health-board.ts";
import type { Machine } from "../ports/machine.ts";
import type { OwnUnit } from "../ports/own-unit.ts";

const RESOURCES_EVERY_MS = 5_000;

export interface ObservedCells {
  readonly phase: Cell<Phase>;
  readonly gateway: Cell<GatewayView>;
  readonly cache: Cell<CacheView>;
  readonly network: Cell<NetworkView>;
  readonly tailnet: Cell<TailnetView>;
  readonly bootChapters: Cell<readonly BootChapter[]>;
  readonly buildkit: Cell<BuildkitView>;
  readonly plane: Cell<PlaneView>;
  readonly certificates: Cell<CertificatesView>;
  readonly checks: Cell<readonly CheckResult[]>;
  readonly resources: Cell<Resources | undefined>;
}

/** Puts what is known together, whole, after each change: for the control plane and for whoever asks this machine. */
export async function observe(
  { clock, board, ownUnit }: { readonly clock: Clock; readonly board: HealthBoard; readonly ownUnit: OwnUnit },
  cells: ObservedCells & { readonly observed: Cell<ObservedState | undefined> },
  signal: AbortSignal,
): Promise<void> {
  const {
    observed,
    phase,
    gateway,
    cache,
    network,
    tailnet,
    bootChapters,
    buildkit,
    plane,
    certificates,
    checks,
    resources,
  } = cells;
  await onChange(
    [phase, gateway, cache, network, tailnet, bootChapters, buildkit, plane, certificates, checks, resources],
    () => {
      const state = snapshot(cells, clock.now().wallMs);
      board.show(state);
      ownUnit.tell(inOneLine(state));
      observed.set(state);
    },
    signal,
  );
}

/** Memory, load and disk, every few seconds. Not before the cache is open: until then another file system lies in its place. */
export async function measureResources(
  { machine, clock }: { readonly machine: Machine; readonly clock: Clock },
  { cache, resources }: Pick<ObservedCells, "cache" | "resources">,
  cacheRoot: string,
  signal: AbortSignal,
): Promise<void> {
  await cache.first((view) => view.at === "open", signal);
  while (!signal.aborted) {
    resources.set(await machine.resources(cacheRoot));
    await clock.sleep(RESOURCES_EVERY_MS, signal);
  }
}

function snapshot(cells: ObservedCells, nowMs: number): ObservedState {
  const gateway = cells.gateway.get();
  const plane = cells.plane.get();
  const buildkit = cells.buildkit.get();
  const certificates = cells.certificates.get();
  const resources = cells.resources.get();
  const cache = cells.cache.get();
  const builds = new Map<string, number>();
  for (const buildId of gateway.open.values()) builds.set(buildId, (builds.get(buildId) ?? 0) + 1);
  return {
    observedAtMs: nowMs,
    phase: cells.phase.get(),
    appliedRevision: gateway.applied?.revision ?? 0n,
    appliedEpoch: gateway.applied?.epoch ?? "",
    ...(plane.refused && { refused: plane.refused }),
    builds,
    checks: cells.checks.get(),
    ...(resources && { resources }),
    ...(cache.at === "open" && { cache: cache.volume }),
    ...tailnetObserved(cells.tailnet.get(), cells.network.get()),
    bootChapters: cells.bootChapters.get(),
    buildkit: {
      version: buildkit.version,
      restarts: buildkit.restarts,
      lastExit: buildkit.lastExit,
      quarantined: buildkit.quarantined,
    },
    certificates: {
      ...(certificates.machineNotAfterMs !== undefined && { machineNotAfterMs: certificates.machineNotAfterMs }),
      ...(gateway.servingNotAfterMs !== undefined && { servingNotAfterMs: gateway.servingNotAfterMs }),
      lastRenewalError: certificates.lastRenewalError,
    },
    counters: {
      sessionsAccepted: gateway.accepted,
      sessionsRefused: gateway.refused,
      messagesRefused: plane.messagesRefused,
    },
  };
}
