import { isOver } from "../core/debug/grant.ts";
import { drained, openBuilds, terminalsEnd } from "../core/drain.ts";
import { type Ending, endingOf } from "../core/end-orders.ts";
import type { EndingStep } from "../core/ending-progress.ts";
import { leftUndone, type TakenStep } from "../core/observed-ending.ts";
import { nextPhase } from "../core/phase.ts";
import { isIdle, openSessions, type TailnetView } from "../core/views.ts";
import { aborted, Branch, firstOf, within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { BuildkitUnit } from "../ports/buildkit.ts";
import type { CacheVolume, PlainCache } from "../ports/cache-volume.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { Log, LogOf } from "../ports/log.ts";
import type { OwnUnit } from "../ports/own-unit.ts";
import type { Board } from "./board/board.ts";
import type { SessionInbox } from "./board/session-inbox.ts";

export interface EndingPorts {
  readonly gateway: Gateway;
  readonly unit: BuildkitUnit;
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly ownUnit: OwnUnit;
  readonly clock: Clock;
  readonly log: Log;
}

export type EndingCells = Pick<
  Board,
  | "endOrders"
  | "identity"
  | "desired"
  | "gateway"
  | "phase"
  | "cache"
  | "tailnet"
  | "debugTerminals"
  | "terminalsEnd"
  | "recordingsWaiting"
  | "frozen"
  | "endingAt"
  | "endingSteps"
  | "retryNow"
  | "tryFailed"
  | "records"
  | "plane"
  | "reported"
>;

export interface EndingLimits {
  /** For open builds, when the stop comes from the machine. */
  readonly graceMs: number;
  /** For buildkitd, after its last session. */
  readonly buildkitGraceMs: number;
}

/**
 * A step that overran is waited for this much longer: by then whatever it started has been killed.
 */
const AFTERMATH_MS = 10_000;

interface Step {
  readonly name: EndingStep;
  /**
   * How long it may take, and how long once somebody loses patience. It is told by its signal; none
   * is skipped.
   */
  readonly limitMs: number;
  readonly hurriedMs: number;
  run(signal: AbortSignal): Promise<unknown>;
}

/**
 * The ending: not ready and no new builds; open builds finish until the earliest deadline of all
 * orders, and people in debug terminals have a notice within it; then the steps, in their order. A
 * failure or a limit of one does not keep the next from its turn.
 */
export async function endInOrder(
  ports: EndingPorts,
  cells: EndingCells,
  inbox: SessionInbox,
  limits: EndingLimits,
): Promise<Ending> {
  const { clock, log } = ports;
  const begunMonoMs = clock.now().monoMs;
  ports.ownUnit.stopping();
  cells.endingAt.set("draining");
  // It is to know the deadline at once.
  if (!cells.plane.get().attached) cells.retryNow.note();
  const openNow = openSessions(cells.gateway.get());
  log.info({ reason: ending(cells).reason, openSessions: openNow ?? "not known" }, "agent.draining");
  const ended = await drain(clock, cells);
  const { reason } = ending(cells);
  note({ name: "draining", ended, tookMs: Math.round(clock.now().monoMs - begunMonoMs) }, ports, cells);
  cells.phase.update((phase) => nextPhase(phase, { is: "stop-ordered", reason }));
  log.info({ reason }, "agent.stopping");
  for (const step of steps(ports, cells, inbox, limits)) await take(step, ports, cells);
  const undone = leftUndone(cells.endingSteps.get(), cells.records.get()?.waiting);
  const tookMs = Math.round(clock.now().monoMs - begunMonoMs);
  if (undone.length === 0) log.info({ reason, tookMs }, "agent.drained");
  else log.warn({ reason, tookMs, undone }, "agent.not-drained");
  cells.endingAt.set("over");
  return ending(cells);
}

function steps(ports: EndingPorts, cells: EndingCells, inbox: SessionInbox, limits: EndingLimits): readonly Step[] {
  const { gateway, unit, log } = ports;
  return [
    {
      // A cut takes milliseconds; a gateway that does not answer is not waited for.
      name: "cut",
      limitMs: 2_000,
      hurriedMs: 2_000,
      async run(signal) {
        if (isIdle(cells.gateway.get())) return;
        log.warn({ openSessions: openSessions(cells.gateway.get()) ?? "not known" }, "agent.cutting");
        gateway.cutAll();
        await cells.gateway.first(isIdle, signal);
      },
    },
    {
      // Before anybody stops the gateway, which holds what is not on disk yet.
      name: "records",
      limitMs: 30_000,
      hurriedMs: 5_000,
      run: (signal) => inbox.empty(signal),
    },
    {
      // They end with this phase at the latest. A shell in the cache's directory would keep it from
      // being closed; and once the machine is gone, so is what was not delivered of a recording.
      name: "terminals",
      limitMs: 20_000,
      hurriedMs: 5_000,
      async run(signal) {
        await cells.debugTerminals.first((all) => all.every(isOver), signal);
        await firstOf(
          signal,
          (one) => cells.plane.first((plane) => !plane.attached, one),
          (one) => cells.recordingsWaiting.first((waiting) => waiting === 0, one),
        );
      },
    },
    {
      name: "buildkit",
      limitMs: limits.buildkitGraceMs + AFTERMATH_MS,
      hurriedMs: 1_000,
      run: (signal) => unit.stop(ending(cells).hurry ? 1_000 : limits.buildkitGraceMs, signal),
    },
    {
      // For trimming, unmounting and closing: a volume that stays open is worse than an ending that
      // takes its time.
      name: "cache",
      limitMs: 90_000,
      hurriedMs: 90_000,
      run: (signal) => closeCache(ports, cells, signal),
    },
    {
      // It has been leaving since this machine is stopping.
      name: "tailnet",
      limitMs: 30_000,
      hurriedMs: 30_000,
      run: (signal) => cells.tailnet.first(isOut, signal),
    },
    {
      name: "farewell",
      limitMs: 5_000,
      hurriedMs: 1_000,
      run: (signal) => farewell(cells, signal),
    },
  ];
}

async function take(step: Step, ports: EndingPorts, cells: EndingCells): Promise<void> {
  const { clock, log } = ports;
  const begunMonoMs = clock.now().monoMs;
  cells.endingAt.set(step.name);
  using limit = new Branch(NEVER);
  using over = new Branch(NEVER);
  void clock.sleep(step.limitMs, limit.signal).then(() => limit.abort());
  void cells.endOrders
    .first((orders) => endingOf(orders)?.hurry === true, limit.signal)
    .then(() => clock.sleep(step.hurriedMs, limit.signal))
    .then(() => limit.abort());
  const work = (async () => step.run(limit.signal))().then(
    () => "done" as const,
    (err: unknown) => {
      log.error({ err, step: step.name }, "ending.step-failed");
      return "failed" as const;
    },
  );
  const patience = aborted(limit.signal, over.signal)
    .then(() => clock.sleep(AFTERMATH_MS, over.signal))
    .then(() => "given-up" as const);
  const ended = await Promise.race([work, patience]);
  note({ name: step.name, ended, tookMs: Math.round(clock.now().monoMs - begunMonoMs) }, ports, cells);
}

function note(taken: TakenStep, { log }: Pick<EndingPorts, "log">, { endingSteps }: Pick<EndingCells, "endingSteps">) {
  const { name: step, ended, tookMs } = taken;
  const turn: LogOf<"ending.step"> = log;
  turn[ended === "done" ? "info" : "warn"]({ step, ended, tookMs }, "ending.step");
  endingSteps.update((steps) => [...steps, taken]);
}

/** An ending is never cancelled, only shortened. */
const NEVER = new AbortController().signal;

/** What all orders come to now. */
function ending({ endOrders }: Pick<EndingCells, "endOrders">): Ending {
  const now = endingOf(endOrders.get());
  if (now === undefined) throw new Error("An ending began without an order");
  return now;
}

/**
 * Waits for open builds, their further connections included, and then for debug terminals, which
 * get their notice: all until the earliest deadline. What is not known is waited for. "given-up":
 * at the deadline something was left.
 */
async function drain(clock: Clock, cells: EndingCells): Promise<TakenStep["ended"]> {
  let quietSinceMonoMs = clock.now().monoMs;
  let wasBusy = false;
  for (;;) {
    freeze(cells);
    const { wallMs, monoMs: nowMonoMs } = clock.now();
    const { reason, deadlineMonoMs } = ending(cells);
    const deadlineWallMs = Math.round(wallMs + deadlineMonoMs - nowMonoMs);
    cells.phase.update((phase) => nextPhase(phase, { is: "drain-ordered", reason, deadlineWallMs }));
    const gateway = cells.gateway.get();
    const sessions = openSessions(gateway);
    const isBusy = sessions !== 0;
    if (isBusy || wasBusy) quietSinceMonoMs = nowMonoMs;
    wasBusy = isBusy;
    const builds = openBuilds(cells.desired.get(), cells.frozen.get(), gateway, cells.identity.get() !== undefined);
    const next = drained({ openSessions: sessions, openBuilds: builds, quietSinceMonoMs, nowMonoMs });
    const leftMs = deadlineMonoMs - nowMonoMs;
    cells.terminalsEnd.update((told) => terminalsEnd(told, !next.done, deadlineMonoMs, nowMonoMs));
    const noticeMs = cells.debugTerminals.get().every(isOver) ? 0 : (cells.terminalsEnd.get()?.monoMs ?? 0) - nowMonoMs;
    if (next.done && noticeMs <= 0) return "done";
    if (leftMs <= 0) return "given-up";
    await within(clock, Math.min(leftMs, next.done ? noticeMs : next.lookAgainMs), NEVER, (pause) =>
      firstOf(
        pause,
        (one) => turn(cells.gateway, one),
        (one) => turn(cells.desired, one),
        (one) => turn(cells.endOrders, one),
        (one) => turn(cells.identity, one),
        (one) => turn(cells.debugTerminals, one),
      ),
    );
  }
}

/** From here on only those builds count that are open now, or were before we knew of them. */
function freeze({ desired, frozen }: Pick<EndingCells, "desired" | "frozen">): void {
  if (frozen.get().at === "these") return;
  const state = desired.get();
  frozen.set(state === undefined ? { at: "until-known" } : { at: "these", builds: new Set(state.grants.keys()) });
}

async function turn<T>(cell: Cell<T>, signal: AbortSignal): Promise<void> {
  const now = cell.get();
  await cell.first((value) => value !== now, signal);
}

/**
 * What an earlier process may have left is waited for, until it is known, and then until it is
 * left.
 */
function isOut({ at }: TailnetView): boolean {
  return at === "none" || at === "failed";
}

/**
 * A cache that is still being opened is closed once that has ended; one that this process did not
 * open may be open from an earlier one. With the machine's end its key is gone all the same.
 */
async function closeCache(
  { log, plainCache, cacheVolume }: EndingPorts,
  { cache }: EndingCells,
  signal: AbortSignal,
): Promise<void> {
  await cache.first(({ at }) => at !== "opening", signal);
  const view = cache.get();
  if (view.at === "closed") return;
  const isPlain = view.at === "open" && !view.volume.encrypted;
  await (isPlain ? plainCache : (cacheVolume ?? plainCache)).close(signal);
  cache.set({ at: "closed" });
  log.info({}, "cache.closed");
}

/**
 * Where no control plane listens it is tried once more, for records that wait: with the machine
 * they may be gone. Then there is nothing to wait for, and the journal keeps them.
 */
async function farewell(cells: EndingCells, signal: AbortSignal): Promise<void> {
  const isHeard = (): boolean => {
    const reported = cells.reported.get();
    const isLast = reported?.ending?.at === "farewell" && (reported.debugTerminals ?? []).every(isOver);
    return isLast && cells.records.get()?.waiting === 0 && isIdle(cells.gateway.get());
  };
  if (!cells.plane.get().attached && (cells.records.get()?.waiting ?? 0) > 0) await tryOnceMore(cells, signal);
  await firstOf(
    signal,
    (one) => cells.plane.first((plane) => !plane.attached, one),
    (one) => cells.records.first(isHeard, one),
    (one) => cells.reported.first(isHeard, one),
  );
}

async function tryOnceMore({ plane, retryNow, tryFailed }: EndingCells, signal: AbortSignal): Promise<void> {
  const failedBefore = tryFailed.count;
  retryNow.note();
  await firstOf(
    signal,
    (one) => plane.first(({ attached }) => attached, one),
    (one) => tryFailed.next(one, failedBefore),
  );
}
