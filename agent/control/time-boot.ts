import { type BootChapter, type Milestones, withEnded } from "../core/boot-chapters.ts";
import type { DesiredState } from "../core/desired-state.ts";
import type { Boot } from "../core/machine.ts";
import type { Phase } from "../core/phase.ts";
import {
  type BuildkitView,
  type CacheView,
  type CertificatesView,
  type GatewayView,
  type IsolationView,
  type NetworkView,
  networkGeneration,
} from "../core/views.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { type Cell, onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

export interface TimedCells {
  readonly certificates: Cell<CertificatesView>;
  readonly desired: Cell<DesiredState | undefined>;
  readonly cache: Cell<CacheView>;
  readonly network: Cell<NetworkView>;
  readonly isolation: Cell<IsolationView>;
  readonly buildkit: Cell<BuildkitView>;
  readonly gateway: Cell<GatewayView>;
  readonly phase: Cell<Phase>;
}

/** Notes how long each part of the start took, until the machine is ready for the first time. */
export async function timeBoot(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  cells: TimedCells & { readonly bootChapters: Cell<readonly BootChapter[]> },
  { startedMonoMs }: Boot,
  outer: AbortSignal,
): Promise<void> {
  const { certificates, desired, cache, network, isolation, buildkit, gateway, phase, bootChapters } = cells;
  const note = (): void =>
    bootChapters.update((chapters) =>
      withEnded(chapters, reached(cells), Math.round(clock.now().monoMs - startedMonoMs)),
    );
  await firstOf(
    outer,
    (signal) => onChange([certificates, desired, cache, network, isolation, buildkit, gateway, phase], note, signal),
    (signal) => bootChapters.first((chapters) => chapters.some(({ name }) => name === "ready"), signal),
  );
  const ready = bootChapters.get().find(({ name }) => name === "ready");
  if (ready !== undefined) log.info({ sinceStartMs: ready.tookMs, chapters: bootChapters.get() }, "agent.ready");
}

function reached(cells: TimedCells): Milestones {
  const isolation = cells.isolation.get();
  return {
    registered: cells.certificates.get().machineNotAfterMs !== undefined,
    desired: cells.desired.get() !== undefined,
    cacheOpen: cells.cache.get().at === "open",
    networkGuarded: networkGeneration(cells.network.get()) !== undefined,
    isolationVerified: isolation.at === "verified" && isolation.report.findings.every(({ ok }) => ok),
    buildkitReady: cells.buildkit.get().at === "ready",
    gatewayServes: cells.gateway.get().servingNotAfterMs !== undefined,
    ready: cells.phase.get().at === "ready",
  };
}
