import type { HistoryOrder } from "../core/build-history.ts";
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
  type ReliefEnd,
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
  readonly buildkitCache: Pick<BuildkitCache, "prune" | "deleteHistory">;
  readonly unit: BuildkitUnit;
  readonly meters: Pick<Meters, "cachePruned" | "historyDeleted">;
  readonly clock: Clock;
  readonly log: Log;
}

export type ReliefCells = Pick<Board, "desired" | "resources" | "buildkit" | "gateway" | "phase" | "relief">;

/**
 * Keeps space free on the cache's disk: asks BuildKit to prune when it runs low, one prune at a
 * time, again after pauses that grow while it does not help, and to delete its history of builds in
 * between. A BuildKit that has not even the space to delete is stopped once the gateway says that
 * no session would be lost; whoever keeps it running starts it again.
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
        tell(report, cells, past);
        break;
      case "delete-history":
        past = await deleteHistory(ports, cells, step.order, levels, past, signal);
        tell(report, cells, past);
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
  const done = await buildkitCache
    .prune(order, signal)
    .then((pruned) => ({ ended: "pruned", ...pruned }) as const, failedAs("failed"));
  if (signal.aborted) return past;
  const isEnough = await isRelieved(cells, clock, levels, signal);
  const facts = { ...done, ...freeNow(cells), isEnough, durationMs: Math.round(clock.now().monoMs - begunMonoMs) };
  if (isEnough) log.info(facts, "disk.relieved");
  else log.warn(facts, "disk.still-low");
  meters.cachePruned(
    done.ended === "pruned" ? (isEnough ? "enough" : "too-little") : done.ended,
    done.ended === "pruned" ? done.freedBytes : 0,
  );
  return after(done.ended, cells, clock, isEnough ? 0 : past.fruitless + 1);
}

async function deleteHistory(
  { buildkitCache, meters, clock, log }: ReliefPorts,
  cells: ReliefCells,
  order: HistoryOrder,
  levels: DiskLevels & InodeLevels,
  past: ReliefPast,
  signal: AbortSignal,
): Promise<ReliefPast> {
  const begunMonoMs = clock.now().monoMs;
  cells.relief.set({ at: "pruning", message: "the history of builds that have ended is being deleted" });
  const done = await buildkitCache
    .deleteHistory(order, signal)
    .then(
      ({ records }) => ({ ended: records > 0 ? "history-deleted" : "no-history", records }) as const,
      failedAs("history-failed"),
    );
  if (signal.aborted) return past;
  if (done.ended === "no-history") return after(done.ended, cells, clock, past.fruitless);
  const isEnough = await isRelieved(cells, clock, levels, signal);
  const facts = { ...freeNow(cells), durationMs: Math.round(clock.now().monoMs - begunMonoMs) };
  if ("err" in done) log.warn({ because: "space", err: done.err }, "buildkit.history-not-deleted");
  else {
    const { pinnedToo } = order;
    log.info({ because: "space", pinnedToo, records: done.records, ...facts }, "buildkit.history-deleted");
    meters.historyDeleted("space", done.records);
  }
  if (isEnough) log.info({ ended: done.ended, ...facts, isEnough }, "disk.relieved");
  return after(done.ended, cells, clock, isEnough ? 0 : past.fruitless);
}

function failedAs<Ended extends ReliefEnd>(otherwise: Ended) {
  return (err: unknown) => ({ ended: isNoSpace(err) ? ("no-space" as const) : otherwise, err });
}

function after(ended: ReliefEnd, { relief }: ReliefCells, clock: Clock, fruitless: number): ReliefPast {
  relief.set(fruitless === 0 ? IDLE_RELIEF : { at: "helpless", message: HELPLESS[ended] });
  return { fruitless, last: { endedAtMonoMs: clock.now().monoMs, ended } };
}

async function isRelieved(
  cells: ReliefCells,
  clock: Clock,
  levels: DiskLevels & InodeLevels,
  signal: AbortSignal,
): Promise<boolean> {
  await remeasured(cells, clock, signal);
  const resources = cells.resources.get();
  return resources !== undefined && !isLow(resources, levels);
}

function tell(report: LoopReport, { relief }: ReliefCells, { fruitless }: ReliefPast): void {
  if (fruitless === 0) report.succeeded();
  else report.failed(relief.get().message, 0);
}

function freeNow({ resources }: ReliefCells): { readonly freeBytes?: number; readonly freeInodes?: number } {
  const now = resources.get();
  return now === undefined ? {} : { freeBytes: now.cacheFreeBytes, freeInodes: now.cacheFreeInodes };
}

const HELPLESS: Readonly<Record<ReliefEnd, string>> = {
  pruned: "pruning did not free enough: what is left is in use, or is not BuildKit's",
  "history-deleted": "neither pruning nor deleting the history of builds has freed enough yet",
  "no-history":
    "pruning did not free enough, nor is there a build's history to delete: the rest is in use, or is not BuildKit's",
  "no-space": "BuildKit has not even the space to prune: it is started anew when no session is open",
  failed: "pruning failed: see the log",
  "history-failed": "BuildKit did not delete its history of builds (see the log); it is tried again",
};

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
