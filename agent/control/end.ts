import type { DesiredState } from "../core/desired-state.ts";
import { drained } from "../core/drain.ts";
import type { ObservedState } from "../core/observed-state.ts";
import { nextPhase, type Phase } from "../core/phase.ts";
import type { CacheView, FrozenBuilds, GatewayView, PlaneView, RecordCounts, TailnetView } from "../core/views.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { BuildkitUnit } from "../ports/buildkit.ts";
import type { CacheVolume, PlainCache } from "../ports/cache-volume.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { Log } from "../ports/log.ts";
import type { OwnUnit } from "../ports/own-unit.ts";

/** A cut takes milliseconds; a gateway that does not answer is not waited for. */
const CUT_MS = 2_000;
/** For trimming, unmounting and closing. */
const CLOSE_MS = 90_000;
/** For the tailnet to hear of it, or not. */
const LEAVE_MS = 30_000;
/** For the last records to be acknowledged and the last state to be heard. */
const FAREWELL_MS = 5_000;

export interface EndingPorts {
  readonly gateway: Gateway;
  readonly unit: BuildkitUnit;
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly ownUnit: OwnUnit;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EndingCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly gateway: Cell<GatewayView>;
  readonly phase: Cell<Phase>;
  readonly cache: Cell<CacheView>;
  readonly tailnet: Cell<TailnetView>;
  readonly frozen: Cell<FrozenBuilds>;
  readonly recordCounts: Cell<RecordCounts>;
  readonly plane: Cell<PlaneView>;
  readonly reported: Cell<ObservedState | undefined>;
}

export interface EndingLimits {
  /** For open builds, when the stop comes from the machine. */
  readonly graceMs: number;
  /** For buildkitd, after its last session. */
  readonly buildkitGraceMs: number;
}

export interface Why {
  readonly ended: "stopped" | "drained" | "refused";
  readonly reason: string;
  readonly deadlineWallMs: number;
}

/** Resolves when there is a reason to end: a signal from the machine, or an order from the control plane. */
export async function reasonToEnd(
  clock: Clock,
  cells: EndingCells,
  limits: EndingLimits,
  stop: AbortSignal,
): Promise<Why> {
  const state = await cells.desired.first((desired) => desired?.drain !== undefined, stop);
  const nowMs = clock.now().wallMs;
  const drain = state?.drain;
  return drain === undefined
    ? { reason: "this machine was told to stop", deadlineWallMs: nowMs + limits.graceMs, ended: "stopped" }
    : { reason: drain.reason, deadlineWallMs: nowMs + drain.graceMs, ended: "drained" };
}

/**
 * The ending, in order: not ready and no new builds; open builds finish until the deadline; nobody is let in, the rest is cut;
 * buildkitd stops; the cache is closed, and its key forgotten; the tailnet is left; the last records and the reason are told. `hurry` moves the deadline to now; no step is ever skipped.
 */
export async function endInOrder(
  ports: EndingPorts,
  cells: EndingCells,
  limits: EndingLimits,
  { reason, deadlineWallMs }: Why,
  hurry: AbortSignal,
): Promise<void> {
  const { clock, log, gateway, unit } = ports;
  const never = new AbortController().signal;
  ports.ownUnit.stopping();
  cells.frozen.set(new Set(cells.desired.get()?.grants.keys()));
  cells.phase.update((phase) => nextPhase(phase, { is: "drain-ordered", reason, deadlineWallMs }));
  log.info({ reason, deadlineWallMs, openSessions: cells.gateway.get().open.size }, "agent.draining");
  await untilDrained(clock, cells, deadlineWallMs, hurry);
  cells.phase.update((phase) => nextPhase(phase, { is: "stop-ordered", reason }));
  log.info({ reason }, "agent.stopping");
  const left = cells.gateway.get().open.size;
  if (left > 0) {
    log.warn({ openSessions: left }, "agent.cutting");
    gateway.cutAll();
    await within(clock, CUT_MS, never, (signal) => cells.gateway.first((view) => view.open.size === 0, signal));
  }
  await unit.stop(hurry.aborted ? 1_000 : limits.buildkitGraceMs, never).catch((err: unknown) => {
    log.error({ err }, "buildkit.not-stopped");
  });
  await closeCache(ports, cells, never);
  // It has been leaving since this machine is stopping.
  await within(clock, LEAVE_MS, never, (signal) => cells.tailnet.first(isOut, signal));
  await within(clock, hurry.aborted ? FAREWELL_MS / 5 : FAREWELL_MS, never, (signal) => farewell(cells, signal));
}

function isOut({ at }: TailnetView): boolean {
  return at === "none" || at === "unknown" || at === "failed";
}

/** A cache that could not be closed is told; with the machine's end its key is gone all the same. */
async function closeCache(ports: EndingPorts, { cache }: EndingCells, never: AbortSignal): Promise<void> {
  const { clock, log } = ports;
  const view = cache.get();
  if (view.at === "waiting" || view.at === "closed") return;
  const isPlain = view.at === "open" && !view.volume.encrypted;
  const opened = isPlain ? ports.plainCache : (ports.cacheVolume ?? ports.plainCache);
  try {
    await within(clock, CLOSE_MS, never, (signal) => opened.close(signal));
    cache.set({ at: "closed" });
    log.info({}, "cache.closed");
  } catch (err) {
    log.error({ err }, "cache.not-closed");
  }
}

/** Waits for open builds, their further connections included. */
async function untilDrained(
  clock: Clock,
  cells: EndingCells,
  deadlineWallMs: number,
  hurry: AbortSignal,
): Promise<void> {
  let quietSinceMonoMs = clock.now().monoMs;
  let wasBusy = false;
  while (!hurry.aborted) {
    const { wallMs, monoMs: nowMonoMs } = clock.now();
    const openSessions = cells.gateway.get().open.size;
    if (openSessions > 0 || wasBusy) quietSinceMonoMs = nowMonoMs;
    wasBusy = openSessions > 0;
    const openBuilds = countOpen(cells.desired.get(), cells.frozen.get());
    const next = drained({ openSessions, openBuilds, quietSinceMonoMs, nowMonoMs });
    if (next.done || wallMs >= deadlineWallMs) return;
    await within(clock, Math.min(deadlineWallMs - wallMs, next.lookAgainMs), hurry, (pause) =>
      firstOf(
        pause,
        (one) => turn(cells.gateway, one),
        (one) => turn(cells.desired, one),
      ),
    );
  }
}

function countOpen(desired: DesiredState | undefined, frozen: FrozenBuilds): number {
  return [...(desired?.grants.keys() ?? [])].filter((buildId) => frozen?.has(buildId) ?? true).length;
}

async function turn<T>(cell: Cell<T>, signal: AbortSignal): Promise<void> {
  const now = cell.get();
  await cell.first((value) => value !== now, signal);
}

/** Nothing to wait for where no control plane listens: the journal keeps the records. */
async function farewell(cells: EndingCells, signal: AbortSignal): Promise<void> {
  const told = (): boolean =>
    cells.recordCounts.get().waiting === 0 &&
    cells.reported.get()?.phase.at === "stopping" &&
    cells.gateway.get().open.size === 0;
  await firstOf(
    signal,
    (one) => cells.plane.first((plane) => !plane.attached, one),
    (one) => cells.recordCounts.first(told, one),
    (one) => cells.reported.first(told, one),
  );
}
