import {
  type DiskLevels,
  diskLevels,
  IDLE_RELIEF,
  type InodeLevels,
  inodeLevels,
  isLow,
  NO_RELIEF,
  nextRelief,
  type PruneOrder,
  type ReliefPast,
} from "../core/disk-relief.ts";
import { AgentError, inWords } from "../core/errors.ts";
import { type BuildkitView, isIdle } from "../core/views.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { BuildkitCache, BuildkitUnit } from "../ports/buildkit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { Board } from "./board/board.ts";

const BUILDKIT_GRACE_MS = 10_000;
/** Long enough for the disk to be measured again, if nothing else happens. */
const LOOK_AGAIN_MS = 60_000;

export interface ReliefPorts {
  readonly buildkitCache: Pick<BuildkitCache, "prune">;
  readonly unit: BuildkitUnit;
  readonly meters: Pick<Meters, "cachePruned">;
  readonly clock: Clock;
  readonly log: Log;
}

export type ReliefCells = Pick<Board, "desired" | "resources" | "buildkit" | "gateway" | "phase" | "relief">;

/**
 * Keeps space free on the cache's disk: asks BuildKit to prune when it runs low, one prune at a
 * time, again after pauses that grow while it does not help. A BuildKit that has not even the space
 * to delete is stopped once the gateway says that no session would be lost; whoever keeps it
 * running starts it again.
 */
export async function relieveDisk(
  ports: ReliefPorts,
  cells: ReliefCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, unit } = ports;
  for (let past = NO_RELIEF; !signal.aborted; ) {
    const resources = await cells.resources.first((now) => now !== undefined, signal);
    const isUp = (view: BuildkitView): boolean => view.at === "ready";
    if ((await cells.buildkit.first(isUp, signal)) === undefined || resources === undefined || isEnding(cells)) return;
    const wantedFreeBytes = cells.desired.get()?.buildkit.minFreeSpaceBytes ?? 0;
    const levels = { ...diskLevels(resources.cacheSizeBytes, wantedFreeBytes), ...inodeLevels(resources.cacheInodes) };
    const moment = { nowMonoMs: clock.now().monoMs, isIdle: isIdle(cells.gateway.get()) };
    const step = nextRelief(resources, levels, past, moment);
    switch (step.do) {
      case "nothing":
        past = NO_RELIEF;
        cells.relief.set(IDLE_RELIEF);
        await news(cells, clock, LOOK_AGAIN_MS, signal);
        break;
      case "wait":
        await news(cells, clock, step.ms, signal);
        break;
      case "prune":
        past = await prune(ports, cells, step.order, levels, past, signal);
        if (past.fruitless === 0) report.succeeded();
        else report.failed(cells.relief.get().message, 0);
        break;
      case "restart-buildkit":
        log.warn(freeNow(cells), "buildkit.restarted-for-space");
        past = { fruitless: past.fruitless };
        await unit.stop(BUILDKIT_GRACE_MS, signal).catch((err: unknown) => {
          log.error({ err }, "buildkit.not-restarted");
          report.failed(inWords(err), LOOK_AGAIN_MS);
        });
        await remeasured(cells, clock, signal);
        break;
      default:
        step satisfies never;
    }
  }
}

async function prune(
  { buildkitCache, meters, clock, log }: ReliefPorts,
  cells: ReliefCells,
  order: PruneOrder,
  levels: DiskLevels & InodeLevels,
  past: ReliefPast,
  signal: AbortSignal,
): Promise<ReliefPast> {
  const begunMonoMs = clock.now().monoMs;
  cells.relief.set({ at: "pruning", message: "the cache is being pruned" });
  log.info({ ...order, ...freeNow(cells) }, "disk.low");
  const ended = await buildkitCache.prune(order, signal).then(
    (pruned) => ({ ended: "pruned", ...pruned }) as const,
    (err: unknown) => ({ ended: isNoSpace(err) ? "no-space" : "failed", err }) as const,
  );
  if (signal.aborted) return past;
  await remeasured(cells, clock, signal);
  const { monoMs } = clock.now();
  const resources = cells.resources.get();
  const isEnough = resources !== undefined && !isLow(resources, levels);
  const facts = { ...ended, ...freeNow(cells), isEnough, durationMs: Math.round(monoMs - begunMonoMs) };
  if (isEnough) log.info(facts, "disk.relieved");
  else log.warn(facts, "disk.still-low");
  meters.cachePruned(
    ended.ended === "pruned" ? (isEnough ? "enough" : "too-little") : ended.ended,
    ended.ended === "pruned" ? ended.freedBytes : 0,
  );
  cells.relief.set(isEnough ? IDLE_RELIEF : { at: "helpless", message: HELPLESS[ended.ended] });
  return { fruitless: isEnough ? 0 : past.fruitless + 1, last: { endedAtMonoMs: monoMs, ended: ended.ended } };
}

function freeNow({ resources }: ReliefCells): { readonly freeBytes?: number; readonly freeInodes?: number } {
  const now = resources.get();
  return now === undefined ? {} : { freeBytes: now.cacheFreeBytes, freeInodes: now.cacheFreeInodes };
}

const HELPLESS = {
  pruned: "pruning did not free enough: what is left is in use, or is not BuildKit's",
  "no-space": "BuildKit has not even the space to prune: it is started anew when no session is open",
  failed: "pruning failed: see the log",
} as const;

function isNoSpace(failure: unknown): boolean {
  return failure instanceof AgentError && failure.code === "buildkit.disk-full";
}

function isEnding({ phase }: ReliefCells): boolean {
  return phase.get().at === "stopping";
}

/** What the disk had before a prune says nothing of what it has after. */
async function remeasured({ resources }: ReliefCells, clock: Clock, signal: AbortSignal): Promise<void> {
  const before = resources.get();
  await within(clock, LOOK_AGAIN_MS, signal, (limit) => resources.first((now) => now !== before, limit));
}

/** Another measurement, or a session more or less; no later than after `ms`. */
async function news({ resources, gateway }: ReliefCells, clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const [measured, view] = [resources.get(), gateway.get()];
  await within(clock, ms, signal, (limit) =>
    firstOf(
      limit,
      (one) => resources.first((now) => now !== measured, one),
      (one) => gateway.first((now) => isIdle(now) !== isIdle(view), one),
    ),
  );
}
