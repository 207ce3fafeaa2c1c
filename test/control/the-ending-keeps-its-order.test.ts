import { beforeEach, describe, expect, it } from "vitest";
import { endInOrder, reasonToEnd } from "../../agent/control/end.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import type { Phase } from "../../agent/core/phase.ts";
import {
  type CacheView,
  type FrozenBuilds,
  type GatewayView,
  NO_PLANE,
  type PlaneView,
  type RecordCounts,
  type TailnetView,
} from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { CacheVolume, PlainCache } from "../../agent/ports/cache-volume.ts";
import { desiredState, grant, openedVolume } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, listening, NO_MANAGER, notebook, UnitStandIn } from "./stand-ins.ts";

const never = (): Promise<never> => Promise.reject(new Error("not in an ending"));
const LIMITS = { graceMs: 600_000, buildkitGraceMs: 10_000 };

describe("the ending", () => {
  let clock: ManualClock;
  let gateway: GatewayStandIn;
  let unit: UnitStandIn;
  let cacheVolume: CacheVolume;
  let plainCache: PlainCache;
  let hurry: AbortController;
  let cells: {
    desired: Cell<DesiredState | undefined>;
    gateway: Cell<GatewayView>;
    phase: Cell<Phase>;
    cache: Cell<CacheView>;
    tailnet: Cell<TailnetView>;
    frozen: Cell<FrozenBuilds>;
    recordCounts: Cell<RecordCounts>;
    plane: Cell<PlaneView>;
    reported: Cell<ObservedState | undefined>;
  };

  const sessions = (open: Record<string, string>): void =>
    cells.gateway.update((view) => ({ ...view, open: new Map(Object.entries(open)) }));
  const stopping = (): ObservedState => ({ phase: { at: "stopping", reason: "x" } }) as ObservedState;
  const end = async () => {
    const ending = { done: false };
    const why = await reasonToEnd(clock, cells, LIMITS, AbortSignal.abort());
    void endInOrder(
      { gateway, unit, cacheVolume, plainCache, ownUnit: NO_MANAGER, clock, log: notebook() },
      cells,
      LIMITS,
      why,
      hurry.signal,
    ).then(() => (ending.done = true));
    await settle();
    return ending;
  };

  beforeEach(() => {
    clock = new ManualClock();
    gateway = new GatewayStandIn();
    unit = new UnitStandIn();
    cacheVolume = { open: () => never(), close: async () => void unit.done.push("close the cache") };
    plainCache = { open: () => never(), close: async () => void unit.done.push("leave the directory") };
    hurry = new AbortController();
    cells = {
      desired: new Cell<DesiredState | undefined>(desiredState({ grants: new Map([["b1", grant()]]) })),
      gateway: listening(),
      phase: new Cell<Phase>({ at: "ready" }),
      cache: new Cell<CacheView>({ at: "open", volume: openedVolume() }),
      tailnet: new Cell<TailnetView>({ at: "none" }),
      frozen: new Cell<FrozenBuilds>(undefined),
      recordCounts: new Cell<RecordCounts>({ waiting: 0, dropped: 0 }),
      plane: new Cell<PlaneView>(NO_PLANE),
      reported: new Cell<ObservedState | undefined>(undefined),
    };
    gateway.onCut = () => sessions({});
  });

  it("is over at once on a machine with nothing open, buildkitd stopped", async () => {
    cells.desired.set(desiredState({ grants: new Map() }));
    expect(await end()).toEqual({ done: true });
    expect(unit.done).toEqual(["stop", "close the cache"]);
    expect(gateway.told).toEqual([]);
  });

  it("lets an open build finish before the deadline, its further connections included, and keeps a new one out", async () => {
    sessions({ s1: "b1" });
    const ending = await end();
    expect(cells.phase.get().at).toBe("draining");
    expect([...(cells.frozen.get() ?? [])]).toEqual(["b1"]);
    await clock.advance(300_000);
    sessions({});
    await clock.advance(1_000);
    sessions({ s2: "b1" });
    await clock.advance(60_000);
    expect(unit.done).toEqual([]);
    sessions({});
    await clock.advance(2_000);
    expect(ending.done).toBe(true);
    expect(gateway.told).toEqual([]);
  });

  it("lets nobody in at the deadline, cuts what is left, and only then stops buildkitd", async () => {
    sessions({ s1: "b1" });
    const ending = await end();
    await clock.advance(599_000);
    expect(gateway.told).toEqual([]);
    gateway.onCut = () => {
      expect(unit.done).toEqual([]);
      expect(cells.phase.get().at).toBe("stopping");
      sessions({});
    };
    await clock.advance(1_000);
    expect(gateway.told).toEqual(["cut all"]);
    expect({ ...ending, unit: unit.done, phase: cells.phase.get().at }).toEqual({
      done: true,
      unit: ["stop", "close the cache"],
      phase: "stopping",
    });
  });

  it("is shortened by a second signal, and skips no step", async () => {
    sessions({ s1: "b1" });
    const ending = await end();
    hurry.abort();
    await settle();
    expect(gateway.told).toEqual(["cut all"]);
    expect({ ...ending, unit: unit.done }).toEqual({ done: true, unit: ["stop", "close the cache"] });
  });

  it("goes on when the gateway does not answer the cut", async () => {
    sessions({ s1: "b1" });
    gateway.onCut = () => {};
    const ending = await end();
    await clock.advance(600_000 + 2_000);
    expect({ ...ending, unit: unit.done }).toEqual({ done: true, unit: ["stop", "close the cache"] });
  });

  it.each([
    {
      opened: "a plain directory",
      view: { at: "open", volume: openedVolume({ encrypted: false }) },
      closes: ["leave the directory"],
    },
    { opened: "a volume that could not be opened", view: { at: "failed", because: "x" }, closes: ["close the cache"] },
    { opened: "a volume whose opening is under way", view: { at: "opening" }, closes: ["close the cache"] },
    { opened: "nothing", view: { at: "waiting" }, closes: [] },
  ] as const)("leaves nothing open of $opened", async ({ view, closes }) => {
    cells.desired.set(desiredState({ grants: new Map() }));
    cells.cache.set(view);
    expect(await end()).toEqual({ done: true });
    expect(unit.done).toEqual(["stop", ...closes]);
  });

  it("is not kept from its end by a cache that cannot be closed", async () => {
    cells.desired.set(desiredState({ grants: new Map() }));
    cacheVolume = { ...cacheVolume, close: () => Promise.reject(new Error("target is busy")) };
    expect(await end()).toEqual({ done: true });
    expect(cells.cache.get().at).toBe("open");
  });

  it("waits for the last records and the last word to reach the control plane, but not for ever", async () => {
    cells.desired.set(desiredState({ grants: new Map() }));
    cells.plane.update((view) => ({ ...view, attached: true }));
    cells.recordCounts.set({ waiting: 1, dropped: 0 });
    const told = await end();
    expect(told.done).toBe(false);
    cells.recordCounts.set({ waiting: 0, dropped: 0 });
    await settle();
    expect(told.done).toBe(false);
    cells.reported.set(stopping());
    await settle();
    expect(told.done).toBe(true);

    cells.recordCounts.set({ waiting: 1, dropped: 0 });
    const untold = await end();
    await clock.advance(5_000);
    expect(untold.done).toBe(true);
  });

  it("comes from the control plane with its own grace and reason", async () => {
    cells.desired.set(desiredState({ drain: { reason: "spot interruption", graceMs: 90_000 } }));
    const why = await reasonToEnd(clock, cells, LIMITS, new AbortController().signal);
    expect(why).toMatchObject({
      ended: "drained",
      reason: "spot interruption",
      deadlineWallMs: clock.now().wallMs + 90_000,
    });
  });
});
