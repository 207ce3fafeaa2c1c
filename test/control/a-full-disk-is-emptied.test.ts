import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { relieveDisk } from "../../agent/control/relieve-disk.ts";
import type { HistoryOrder } from "../../agent/core/build-history.ts";
import { disk as diskCheck } from "../../agent/core/checks/buildkit.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { type DiskRelief, IDLE_RELIEF, type PruneOrder } from "../../agent/core/disk-relief.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { Resources } from "../../agent/core/machine.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { desiredState, FIXED, NOW, WELL } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { here, listening, loopBook, notebook, UnitStandIn } from "./stand-ins.ts";

const GIB = 1024 ** 3;

describe("a disk of 10 GiB", () => {
  let clock: ManualClock;
  let log: ReturnType<typeof notebook>;
  let unit: UnitStandIn;
  let report: ReturnType<typeof loopBook>;
  let stop: AbortController;
  let running: Promise<void>;
  let cells: ReturnType<typeof newCells>;
  let orders: PruneOrder[];
  let outcomes: string[];
  let historyOrders: HistoryOrder[];
  let deleted: string[];
  let answer: (order: PruneOrder) => Promise<{ records: number; freedBytes: number }>;
  let deleteHistory: () => Promise<{ records: number }>;

  function newCells() {
    return {
      desired: new Cell<DesiredState | undefined>(desiredState()),
      resources: new Cell<Resources | undefined>(undefined),
      buildkit: new Cell<BuildkitView>({ ...NO_BUILDKIT, at: "ready" }),
      gateway: listening(),
      phase: new Cell<Phase>({ at: "ready" }),
      relief: new Cell<DiskRelief>(IDLE_RELIEF),
    };
  }

  const free = async (gib: number, cacheFreeInodes = 500_000): Promise<void> => {
    const cacheFreeBytes = gib * GIB;
    const memory = { memoryAvailableBytes: 1, load1m: 0 };
    cells.resources.set({
      ...memory,
      cacheSizeBytes: 10 * GIB,
      cacheFreeBytes,
      cacheInodes: 1_000_000,
      cacheFreeInodes,
    });
    await settle();
  };
  const disk = () =>
    diskCheck.look({ ...WELL, resources: cells.resources.get(), relief: cells.relief.get() }, NOW, FIXED);

  beforeEach(() => {
    clock = new ManualClock();
    log = notebook();
    unit = new UnitStandIn();
    report = loopBook();
    stop = new AbortController();
    cells = newCells();
    orders = [];
    outcomes = [];
    historyOrders = [];
    deleted = [];
    answer = async () => ({ records: 2, freedBytes: GIB });
    deleteHistory = async () => ({ records: 0 });
    const buildkitCache = {
      prune: (order: PruneOrder) => {
        orders.push(order);
        return answer(order);
      },
      deleteHistory: (order: HistoryOrder) => {
        historyOrders.push(order);
        return deleteHistory();
      },
    };
    const meters = {
      cachePruned: (outcome: string, freedBytes: number) => void outcomes.push(`${outcome} ${freedBytes / GIB}`),
      historyDeleted: (because: string, records: number) => void deleted.push(`${because} ${records}`),
    };
    running = relieveDisk({ buildkitCache, unit, meters, clock, log }, cells, report, stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
  });

  it("with space is left alone", async () => {
    await free(5);
    await clock.advance(600_000);
    expect(orders).toEqual([]);
  });

  it("that runs low is pruned to a tenth, once, and well again when there is space", async () => {
    await free(0.4);
    expect(orders).toEqual([{ minFreeBytes: GIB, all: false }]);
    expect(disk()).toMatchObject({
      state: "ok",
      message: expect.stringContaining("the cache is being pruned") as string,
    });
    await free(1.1);
    expect(disk()).toMatchObject({ state: "ok", message: "1.1 GiB of 10.0 GiB free" });
    await clock.advance(600_000);
    expect(orders).toHaveLength(1);
    expect(outcomes).toEqual(["enough 1"]);
    expect(log.events).toEqual(["disk.low", "disk.relieved"]);
    expect(report.told).toEqual(["succeeded"]);
  });

  it("that stays full is pruned of everything at once, then with pauses, and the check says that it is of no use", async () => {
    await free(0.1);
    await free(0.2);
    expect(orders.map(({ all }) => all)).toEqual([false, true]);
    await free(0.21);
    expect(disk()).toMatchObject({
      state: "failed",
      message: expect.stringMatching(
        /builds are refused below 256\.0 MiB; .*nor is there .*history.* is in use, or is not BuildKit's/,
      ) as string,
    });
    await clock.advance(29_000);
    expect(orders).toHaveLength(2);
    await clock.advance(1_000);
    expect(orders).toHaveLength(3);
    expect(outcomes).toEqual(["too-little 1", "too-little 1"]);
    expect(log.events.slice(0, 2)).toEqual(["disk.low", "disk.still-low"]);
    expect(report.told[0]).toMatch(/^failed: pruning did not free enough/);
  });

  it("that pruning does not relieve is rid of old history, then of everything, then of all history, at last of what builds have pinned, until there is enough", async () => {
    const left = [3, 4, 5];
    deleteHistory = async () => ({ records: left.shift() ?? 0 });
    await free(0.1);
    await free(0.11);
    expect(disk().message).toContain("the history of builds that have ended is being deleted");
    await free(0.12);
    await free(0.13);
    expect(orders.map(({ all }) => all)).toEqual([false, true]);
    await free(0.14);
    await free(0.15);
    expect(historyOrders.map(({ spareYoungest, pinnedToo }) => [spareYoungest, pinnedToo])).toEqual([
      [50, false],
      [0, false],
      [0, true],
    ]);
    await free(2);
    expect(disk()).toMatchObject({ state: "ok", message: "2.0 GiB of 10.0 GiB free" });
    expect(deleted).toEqual(["space 3", "space 4", "space 5"]);
    expect(log.events.slice(-2)).toEqual(["buildkit.history-deleted", "disk.relieved"]);
    expect(report.told.at(-1)).toBe("succeeded");
    await clock.advance(600_000);
    expect(orders).toHaveLength(3);
    expect(historyOrders).toHaveLength(3);
  });

  it("whose history cannot be deleted is told so, and pruned again after a pause", async () => {
    deleteHistory = () => Promise.reject(new Error("connection lost"));
    await free(0.1);
    await free(0.11);
    await free(0.12);
    expect(log.events).toEqual(["disk.low", "disk.still-low", "buildkit.history-not-deleted"]);
    expect(disk()).toMatchObject({
      state: "failed",
      message: expect.stringContaining("BuildKit did not delete its history of builds (see the log)") as string,
    });
    expect(report.told.at(-1)).toMatch(/^failed: BuildKit did not delete its history/);
    await clock.advance(14_999);
    expect(orders).toHaveLength(1);
    await clock.advance(1);
    expect(orders).toHaveLength(2);
  });

  it("too full to delete history has BuildKit started anew, too", async () => {
    deleteHistory = () =>
      Promise.reject(new AgentError("buildkit.disk-full", "no space left on device", { retryable: true }));
    await free(0);
    await free(0.0001);
    await free(0.0002);
    expect(unit.done).toEqual(["stop"]);
  });

  it("without inodes is pruned by a quarter of what is used, then of everything, and refuses builds meanwhile", async () => {
    await free(6, 100);
    expect(orders).toEqual([{ minFreeBytes: 7 * GIB, all: false }]);
    expect(disk()).toMatchObject({
      state: "failed",
      message: expect.stringMatching(
        /^100 of 1000000 inodes free.*builds are refused below 32768; the cache is/,
      ) as string,
    });
    await free(7, 200);
    expect(orders.slice(1)).toEqual([{ minFreeBytes: 10 * GIB, all: true }]);
    await free(9, 400_000);
    expect(disk()).toMatchObject({ state: "ok", message: "9.0 GiB of 10.0 GiB free" });
    expect(outcomes).toEqual(["too-little 1", "enough 1"]);
  });

  it("too full to prune has BuildKit started anew, once no session would be lost", async () => {
    answer = () => Promise.reject(new AgentError("buildkit.disk-full", "no space left on device", { retryable: true }));
    cells.gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    await free(0);
    await free(0.0001);
    await clock.advance(14_000);
    expect(unit.done).toEqual([]);
    await clock.advance(1_000);
    await free(0.0002);
    cells.gateway.update((view) => here(view, { open: new Map() }));
    await clock.advance(120_000);
    expect(unit.done).toContain("stop");
    expect(unit.gracesMs[0]).toBe(10_000);
    expect(log.events).toContain("buildkit.restarted-for-space");
    expect(outcomes[0]).toBe("no-space 0");
  });

  it("is pruned again at once by a BuildKit that was started anew for it, and not stopped before that has failed", async () => {
    answer = () => Promise.reject(new AgentError("buildkit.disk-full", "no space left on device", { retryable: true }));
    await free(0);
    await free(0.0001);
    expect(unit.done).toEqual(["stop"]);
    await free(0.0002);
    expect(orders).toHaveLength(2);
    expect(unit.done).toEqual(["stop"]);
  });

  it("whose BuildKit cannot be stopped for it is told, and looked at again", async () => {
    answer = () => Promise.reject(new AgentError("buildkit.disk-full", "no space left on device", { retryable: true }));
    unit.stop = () => Promise.reject(new Error("systemd does not answer"));
    await free(0);
    await free(0.0001);
    expect(log.events.at(-1)).toBe("buildkit.not-restarted");
    expect(report.told.at(-1)).toBe("failed: systemd does not answer, again in 60000 ms");
    await clock.advance(60_000);
    expect(orders).toHaveLength(2);
  });

  it("whose pruning fails is told so, and pruned again after a pause", async () => {
    answer = () => Promise.reject(new Error("connection lost"));
    await free(0.1);
    await free(0.11);
    expect(cells.relief.get()).toEqual({ at: "helpless", message: "pruning failed: see the log" });
    expect(outcomes).toEqual(["failed 0"]);
    await clock.advance(14_999);
    expect(orders).toHaveLength(1);
    await clock.advance(1);
    expect(orders).toHaveLength(2);
  });

  it("whose pruning is cut short by the end of this process is not told as still low", async () => {
    answer = () =>
      new Promise((resolve) => stop.signal.addEventListener("abort", () => resolve({ records: 0, freedBytes: 0 })));
    await free(0.1);
    stop.abort();
    await running;
    expect(log.events).toEqual(["disk.low"]);
    expect(outcomes).toEqual([]);
  });

  it("is looked at again each minute though it is not measured, and pruned to what the control plane wants", async () => {
    cells.desired.set(desiredState({ buildkit: { ...desiredState().buildkit, minFreeSpaceBytes: 2 * GIB } }));
    await free(0.4);
    expect(orders).toEqual([{ minFreeBytes: 2 * GIB, all: false }]);
    await clock.advance(59_999);
    expect(outcomes).toEqual([]);
    await clock.advance(1);
    expect(outcomes).toEqual(["too-little 1"]);
  });

  it("is not pruned while BuildKit does not answer, nor after the end has begun", async () => {
    cells.buildkit.set({ ...NO_BUILDKIT, at: "starting" });
    await free(0.1);
    expect(orders).toEqual([]);
    cells.phase.set({ at: "stopping", reason: "end" });
    cells.buildkit.set({ ...NO_BUILDKIT, at: "ready" });
    await settle();
    expect(orders).toEqual([]);
  });
});
