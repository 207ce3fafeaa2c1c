import { type Milestones, withEnded } from "../core/boot-chapters.ts";
import type { Boot } from "../core/machine.ts";
import { startTrace } from "../core/traces/told-as-traces.ts";
import { networkGeneration } from "../core/views.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Traces } from "../ports/traces.ts";
import type { Board } from "./board/board.ts";

export type TimedCells = Pick<
  Board,
  "certificates" | "desired" | "cache" | "network" | "isolation" | "buildkit" | "gateway" | "phase"
>;

/**
 * Notes how long each part of the start took, until the machine is ready for the first time; tells
 * it as a trace, also of a start that ended before.
 */
export async function timeBoot(
  { clock, log, traces }: { readonly clock: Clock; readonly log: Log; readonly traces: Pick<Traces, "tell"> },
  cells: TimedCells & Pick<Board, "bootChapters">,
  { startedMonoMs, bootId }: Pick<Boot, "startedMonoMs" | "bootId">,
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
  const { wallMs, monoMs } = clock.now();
  const at = { bootId, beganAtMs: wallMs - (monoMs - startedMonoMs), endedAtMs: wallMs };
  traces.tell(startTrace(bootChapters.get(), at));
  const ready = bootChapters.get().find(({ name }) => name === "ready");
  if (ready !== undefined) log.info({ sinceStartMs: ready.tookMs, chapters: bootChapters.get() }, "agent.ready");
}

function reached(cells: TimedCells): Milestones {
  const isolation = cells.isolation.get();
  const gateway = cells.gateway.get();
  return {
    registered: cells.certificates.get().machineNotAfterMs !== undefined,
    desired: cells.desired.get() !== undefined,
    cacheOpen: cells.cache.get().at === "open",
    networkGuarded: networkGeneration(cells.network.get()) !== undefined,
    isolationVerified: isolation.at === "verified" && isolation.report.findings.every(({ ok }) => ok),
    buildkitReady: cells.buildkit.get().at === "ready",
    gatewayServes: gateway.at === "here" && gateway.servingNotAfterMs !== undefined,
    ready: cells.phase.get().at === "ready",
  };
}
