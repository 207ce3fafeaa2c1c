import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { relieveDisk } from "../../agent/control/relieve-disk.ts";
import { findings } from "../../agent/core/checks.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { type DiskRelief, IDLE_RELIEF, type PruneOrder } from "../../agent/core/disk-relief.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { Resources } from "../../agent/core/machine.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, NO_BUILDKIT, NO_PLANE } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { desiredState, NOW } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { listening, notebook, UnitStandIn } from "./stand-ins.ts";

const GIB = 1024 ** 3;

describe("a disk of 10 GiB", () => {
  let clock: ManualClock;
  let log: ReturnType<typeof notebook>;
  let unit: UnitStandIn;
  let stop: AbortController;
  let running: Promise<void>;
  let cells: ReturnType<typeof newCells>;
  let orders: PruneOrder[];
  let outcomes: string[];
  let answer: (order: PruneOrder) => Promise<{ records: number; freedBytes: number }>;

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

  const free = async (gib: number): Promise<void> => {
    cells.resources.set({ memoryAvailableBytes: 1, load1m: 0, cacheSizeBytes: 10 * GIB, cacheFreeBytes: gib * GIB });
    await settle();
  };
  const disk = () =>
    findings(
      {
        ...{ gateway: cells.gateway.get(), buildkit: NO_BUILDKIT, plane: NO_PLANE, desired: undefined },
        ...{ certificates: { lastRenewalError: "" }, records: { waiting: 0, dropped: 0 }, cache: { at: "waiting" } },
        ...{ resources: cells.resources.get(), relief: cells.relief.get(), requireEncryption: false, capabilities: [] },
        ...{ network: { at: "none" }, isolation: { at: "unverified" }, tailnet: { at: "none" } },
      },
      NOW,
    ).find(({ name }) => name === "disk");

  beforeEach(() => {
    clock = new ManualClock();
    log = notebook();
    unit = new UnitStandIn();
    stop = new AbortController();
    cells = newCells();
    orders = [];
    outcomes = [];
    answer = async () => ({ records: 2, freedBytes: GIB });
    const buildkitCache = {
      prune: (order: PruneOrder) => {
        orders.push(order);
        return answer(order);
      },
    };
    const meters = { cachePruned: (outcome: string) => void outcomes.push(outcome) };
    running = relieveDisk({ buildkitCache, unit, meters, clock, log }, cells, stop.signal);
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
    expect(disk()).toMatchObject({ ok: true, message: expect.stringContaining("the cache is being pruned") as string });
    await free(1.1);
    expect(disk()).toMatchObject({ ok: true, message: "1126 of 10240 MiB free" });
    await clock.advance(600_000);
    expect(orders).toHaveLength(1);
    expect(outcomes).toEqual(["enough"]);
  });

  it("that stays full is pruned of everything at once, then with pauses, and the check says that it is of no use", async () => {
    await free(0.1);
    await free(0.2);
    expect(orders.map(({ all }) => all)).toEqual([false, true]);
    await free(0.21);
    expect(disk()).toMatchObject({
      ok: false,
      message: expect.stringMatching(/builds are refused below 256 MiB; .*is in use, or is not BuildKit's/) as string,
    });
    await clock.advance(29_000);
    expect(orders).toHaveLength(2);
    await clock.advance(1_000);
    expect(orders).toHaveLength(3);
    expect(outcomes).toEqual(["too-little", "too-little"]);
  });

  it("too full to prune has BuildKit started anew, once no session would be lost", async () => {
    answer = () => Promise.reject(new AgentError("buildkit.disk-full", "no space left on device", { retryable: true }));
    cells.gateway.update((view) => ({ ...view, open: new Map([["s1", "b1"]]) }));
    await free(0);
    await free(0.0001);
    await clock.advance(14_000);
    expect(unit.done).toEqual([]);
    cells.gateway.update((view) => ({ ...view, open: new Map() }));
    await clock.advance(120_000);
    expect(unit.done).toContain("stop");
    expect(log.events).toContain("buildkit.restarted-for-space");
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
