import type { DesiredState } from "../core/desired-state.ts";
import {
  type DiskRelief,
  diskLevels,
  IDLE_RELIEF,
  NO_RELIEF,
  nextRelief,
  type PruneOrder,
  type ReliefPast,
} from "../core/disk-relief.ts";
import { AgentError } from "../core/errors.ts";
import type { Resources } from "../core/machine.ts";
import type { Phase } from "../core/phase.ts";
import type { BuildkitView, GatewayView } from "../core/views.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { BuildkitCache, BuildkitUnit } from "../ports/buildkit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";

const BUILDKIT_GRACE_MS = 10_000;
/** Long enough for the disk to be measured again, if nothing else happens. */
const LOOK_AGAIN_MS = 60_000;

export interface ReliefPorts {
  readonly buildkitCache: BuildkitCache;
  readonly unit: BuildkitUnit;
  readonly meters: Pick<Meters, "cachePruned">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ReliefCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly resources: Cell<Resources | undefined>;
  readonly buildkit: Cell<BuildkitView>;
  readonly gateway: Cell<GatewayView>;
  readonly phase: Cell<Phase>;
  readonly relief: Cell<DiskRelief>;
}

/**
 * Keeps space free on the cache's disk: asks BuildKit to prune when it runs low, one prune at a time, again after pauses that grow while it does not
 * help. A BuildKit that has not even the space to delete is stopped once no session would be lost; whoever keeps it running starts it again.
 */
export async function relieveDisk(ports: ReliefPorts, cells: ReliefCells, signal: AbortSignal): Promise<void> {
  const { clock, log, unit } = ports;
  for (let past = NO_RELIEF; !signal.aborted; ) {
    const resources = await cells.resources.first((now) => now !== undefined, signal);
    const isUp = (view: BuildkitView): boolean => view.at === "ready";
    if ((await cells.buildkit.first(isUp, signal)) === undefined || resources === undefined || isEnding(cells)) return;
    const levels = diskLevels(resources.cacheSizeBytes, cells.desired.get()?.buildkit.minFreeSpaceBytes ?? 0);
    const isIdle = cells.gateway.get().open.size === 0;
    const step = nextRelief(resources, levels, past, { nowMonoMs: clock.now().monoMs, isIdle });
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
        past = await prune(ports, cells, step.order, levels.lowBytes, past, signal);
        break;
      case "restart-buildkit":
        log.warn({ freeBytes: resources.cacheFreeBytes }, "buildkit.restarted-for-space");
        past = { fruitless: past.fruitless };
        await unit.stop(BUILDKIT_GRACE_MS, signal);
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
  lowBytes: number,
  past: ReliefPast,
  signal: AbortSignal,
): Promise<ReliefPast> {
  const begunMonoMs = clock.now().monoMs;
  cells.relief.set({ at: "pruning", message: "the cache is being pruned" });
  log.info({ ...order, freeBytes: cells.resources.get()?.cacheFreeBytes }, "disk.low");
  const ended = await buildkitCache.prune(order, signal).then(
    (pruned) => ({ ended: "pruned", ...pruned }) as const,
    (err: unknown) => ({ ended: isNoSpace(err) ? "no-space" : "failed", err }) as const,
  );
  if (signal.aborted) return past;
  await remeasured(cells, clock, signal);
  const { monoMs } = clock.now();
  const freeBytes = cells.resources.get()?.cacheFreeBytes ?? 0;
  const isEnough = freeBytes >= lowBytes;
  const facts = { ...ended, freeBytes, isEnough, durationMs: Math.round(monoMs - begunMonoMs) };
  if (isEnough) log.info(facts, "disk.relieved");
  else log.warn(facts, "disk.still-low");
  meters.cachePruned(
    ended.ended === "pruned" ? (isEnough ? "enough" : "too-little") : ended.ended,
    ended.ended === "pruned" ? ended.freedBytes : 0,
  );
  cells.relief.set(isEnough ? IDLE_RELIEF : { at: "helpless", message: HELPLESS[ended.ended] });
  return { fruitless: isEnough ? 0 : past.fruitless + 1, last: { endedAtMonoMs: monoMs, ended: ended.ended } };
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
      (one) => gateway.first((now) => now.open.size !== view.open.size, one),
    ),
  );
}
