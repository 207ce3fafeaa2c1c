import { beforeEach, describe, expect, it } from "vitest";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { SessionInbox } from "../../agent/control/board/session-inbox.ts";
import { orderByControlPlane, orderBySignal, orderEnd } from "../../agent/control/end-orders.ts";
import { endInOrder } from "../../agent/control/ending/end.ts";
import type { DebugStatus } from "../../agent/core/debug/grant.ts";
import type { Ending, EndOrder } from "../../agent/core/end-orders.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import { NO_GATEWAY } from "../../agent/core/views.ts";
import type { CacheVolume, PlainCache } from "../../agent/ports/cache-volume.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { desiredState, grant, openedVolume } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, here, NO_MANAGER, notebook, UnitStandIn } from "./stand-ins.ts";

const never = (): Promise<never> => Promise.reject(new Error("not in an ending"));
const GRACE_MS = 600_000;
const LIMITS = { graceMs: GRACE_MS, buildkitGraceMs: 10_000 };
const NOTHING_OPEN = desiredState({ grants: new Map() });

describe("the ending", () => {
  let clock: ManualClock;
  let gateway: GatewayStandIn;
  let unit: UnitStandIn;
  let cacheVolume: CacheVolume;
  let plainCache: PlainCache;
  let board: Board;
  let inbox: SessionInbox;
  let signals: { readonly stop: AbortController; readonly hurry: AbortController };
  let log: ReturnType<typeof notebook>;

  const sessions = (open: Record<string, string>): void =>
    board.gateway.update((view) => here(view, { open: new Map(Object.entries(open)) }));
  const lastWord = (): ObservedState => ({ ending: { at: "farewell" } }) as ObservedState;
  /** As the agent does: sources of orders run, and the first order begins the ending. */
  const end = async () => {
    const { signal } = new AbortController();
    void orderBySignal({ clock }, board, { stop: signals.stop.signal, hurry: signals.hurry.signal }, GRACE_MS, signal);
    void orderByControlPlane({ clock }, board, signal);
    const state: { done?: Ending } = {};
    void board.endOrders
      .first((orders) => orders.length > 0, signal)
      .then(() =>
        endInOrder(
          { gateway, unit, cacheVolume, plainCache, ownUnit: NO_MANAGER, clock, log },
          board,
          inbox,
          LIMITS,
          async () => undefined,
        ),
      )
      .then((ending) => (state.done = ending));
    await settle();
    return state;
  };
  const sigterm = async () => {
    const state = await end();
    signals.stop.abort();
    await settle();
    return state;
  };

  beforeEach(() => {
    clock = new ManualClock();
    gateway = new GatewayStandIn();
    unit = new UnitStandIn();
    log = notebook();
    cacheVolume = { open: () => never(), close: async () => void unit.done.push("close the cache") };
    plainCache = { open: () => never(), close: async () => void unit.done.push("leave the directory") };
    signals = { stop: new AbortController(), hurry: new AbortController() };
    inbox = new SessionInbox();
    board = newBoard();
    board.identity.set({ machineId: "m1" } as MachineIdentity); // only whether there is one is asked
    board.desired.set(desiredState({ grants: new Map([["b1", grant()]]) }));
    board.gateway.set(here(NO_GATEWAY, {}));
    board.phase.set({ at: "ready" });
    board.cache.set({ at: "open", volume: openedVolume() });
    board.tailnet.set({ at: "none" });
    gateway.onCut = () => sessions({});
  });

  it("is over at once on a machine with nothing open, buildkitd stopped", async () => {
    board.desired.set(NOTHING_OPEN);
    expect((await sigterm()).done).toMatchObject({ ended: "stopped" });
    expect(unit.done).toEqual(["stop", "close the cache"]);
    expect(unit.gracesMs).toEqual([LIMITS.buildkitGraceMs]);
    expect(gateway.told).toEqual([]);
    const step = "ending.step";
    expect(log.events).toEqual([
      ...["agent.draining", step, "agent.stopping", step, step, step, step],
      ...["cache.closed", step, step, step, "agent.not-drained"],
    ]);
  });

  it("waits until it is known whether an earlier process left a tailnet's node, and until that is left", async () => {
    board.desired.set(NOTHING_OPEN);
    board.tailnet.set({ at: "unknown" });
    const ending = await sigterm();
    expect(ending.done).toBeUndefined();
    board.tailnet.set({ at: "leaving", because: "this machine is stopping" });
    await settle();
    expect(ending.done).toBeUndefined();
    board.tailnet.set({ at: "none" });
    await settle();
    expect(ending.done).toBeDefined();
  });

  it("lets an open build finish before the deadline, its further connections included, and keeps a new one out", async () => {
    sessions({ s1: "b1" });
    const ending = await sigterm();
    expect(board.phase.get()).toMatchObject({ at: "draining", deadlineWallMs: clock.now().wallMs + GRACE_MS });
    expect(board.frozen.get()).toEqual({ at: "these", builds: new Set(["b1"]) });
    await clock.advance(300_000);
    sessions({});
    await clock.advance(1_000);
    sessions({ s2: "b1" });
    await clock.advance(60_000);
    expect(unit.done).toEqual([]);
    sessions({});
    await clock.advance(2_000);
    expect(ending.done).toBeDefined();
    expect(gateway.told).toEqual([]);
  });

  it("lets nobody in at the deadline, cuts what is left, and only then stops buildkitd", async () => {
    sessions({ s1: "b1" });
    const ending = await sigterm();
    await clock.advance(GRACE_MS - 1_000);
    expect(gateway.told).toEqual([]);
    gateway.onCut = () => {
      expect(unit.done).toEqual([]);
      expect(board.phase.get().at).toBe("stopping");
      sessions({});
    };
    await clock.advance(1_000);
    expect(gateway.told).toEqual(["cut all"]);
    expect(log.events).toContain("agent.cutting");
    expect(ending.done).toBeDefined();
    expect(unit.done).toEqual(["stop", "close the cache"]);
    expect(board.phase.get().at).toBe("stopping");
  });

  it("is shortened by a second signal, and skips no step", async () => {
    sessions({ s1: "b1" });
    const ending = await sigterm();
    signals.hurry.abort();
    await settle();
    expect(gateway.told).toEqual(["cut all"]);
    expect(ending.done).toMatchObject({ hurry: true });
    expect(unit.done).toEqual(["stop", "close the cache"]);
    expect(unit.gracesMs).toEqual([1_000]);
  });

  describe("with an open debug terminal", () => {
    const terminal = (state: DebugStatus["state"]): void =>
      board.debugTerminals.set([{ grantId: "g1", state, reason: "", message: "" }]);
    const leftMs = (): number => (board.terminalsEnd.get()?.monoMs ?? Number.NaN) - clock.now().monoMs;

    it("gives it a minute once no build is open, and then goes on without it", async () => {
      board.desired.set(NOTHING_OPEN);
      terminal("open");
      const ending = await sigterm();
      expect(board.terminalsEnd.get()).toMatchObject({ orAfterBuilds: false });
      expect(leftMs()).toBe(60_000);
      await clock.advance(59_999);
      expect(board.phase.get().at).toBe("draining");
      await clock.advance(1);
      expect(board.phase.get().at).toBe("stopping");
      expect(unit.done).toEqual([]);
      terminal("ended");
      await settle();
      expect(ending.done).toBeDefined();
    });

    it("lets it stay as long as a build, by whose end its minute begins, and never lengthens that", async () => {
      sessions({ s1: "b1" });
      terminal("open");
      const ending = await sigterm();
      expect(board.terminalsEnd.get()).toMatchObject({ orAfterBuilds: true });
      expect(leftMs()).toBe(GRACE_MS);
      await clock.advance(100_000);
      sessions({});
      await clock.advance(2_000);
      expect(leftMs()).toBe(60_000);
      sessions({ s2: "b1" });
      await clock.advance(70_000);
      expect(leftMs()).toBe(-10_000);
      expect(board.phase.get().at).toBe("draining");
      terminal("ended");
      sessions({});
      await clock.advance(2_000);
      expect(ending.done).toBeDefined();
    });

    it("gives it no more than the deadline leaves, and nothing to somebody in a hurry", async () => {
      board.desired.set(NOTHING_OPEN);
      terminal("open");
      await sigterm();
      signals.hurry.abort();
      await settle();
      expect(leftMs()).toBe(0);
      expect(board.phase.get().at).toBe("stopping");
    });

    it("waits 20 s for its recording to be stored, where a control plane is there to store it", async () => {
      board.desired.set(NOTHING_OPEN);
      board.recordingsWaiting.set(1);
      board.plane.update((view) => ({ ...view, attached: true }));
      await sigterm();
      await clock.advance(19_999);
      expect(unit.done).toEqual([]);
      await clock.advance(1);
      expect(unit.done).toContain("stop");
    });

    it("does not wait for a recording that nobody can store", async () => {
      board.desired.set(NOTHING_OPEN);
      board.recordingsWaiting.set(1);
      await sigterm();
      expect(unit.done).toContain("stop");
    });
  });

  it("goes on when the gateway does not answer the cut", async () => {
    sessions({ s1: "b1" });
    gateway.onCut = () => {};
    const ending = await sigterm();
    await clock.advance(GRACE_MS + 2_000);
    expect(ending.done).toBeDefined();
    expect(unit.done).toEqual(["stop", "close the cache"]);
  });

  it("goes on when a step never ends, and says which", async () => {
    board.desired.set(NOTHING_OPEN);
    unit.stop = () => new Promise(() => {});
    const ending = await sigterm();
    await clock.advance(LIMITS.buildkitGraceMs + 20_000);
    expect(ending.done).toBeDefined();
    expect(unit.done).toEqual(["close the cache"]);
  });

  it("is not ordered by a signal that comes when nobody listens any more", async () => {
    for (const comes of ["stop", "hurry"] as const) {
      board.endOrders.set([]);
      const both = { stop: new AbortController(), hurry: new AbortController() };
      const over = new AbortController();
      const told = { stop: both.stop.signal, hurry: both.hurry.signal };
      const listening = orderBySignal({ clock }, board, told, GRACE_MS, over.signal);
      if (comes === "hurry") both.stop.abort();
      await settle();
      over.abort();
      both[comes].abort();
      await listening;
      expect(board.endOrders.get().map(({ hurry = false }) => hurry)).toEqual(comes === "hurry" ? [false] : []);
    }
  });

  describe("counts every order", () => {
    it("of a control plane, with its own grace and reason", async () => {
      sessions({ s1: "b1" });
      const ending = await end();
      board.desired.set(desiredState({ drain: { reason: "spot interruption", graceMs: 90_000 } }));
      await clock.advance(89_000);
      expect(board.phase.get()).toMatchObject({ at: "draining", reason: "spot interruption" });
      await clock.advance(1_000);
      expect(ending.done).toMatchObject({ ended: "drained", reason: "spot interruption" });
    });

    it("a SIGTERM during a drain of days ends the machine by its own grace", async () => {
      sessions({ s1: "b1" });
      const ending = await end();
      board.desired.set(desiredState({ drain: { reason: "maintenance", graceMs: 2 * 86_400_000 } }));
      await clock.advance(60_000);
      signals.stop.abort();
      await clock.advance(GRACE_MS - 1);
      expect(ending.done).toBeUndefined();
      await clock.advance(1);
      expect(ending.done).toMatchObject({ reason: "maintenance" });
    });

    it("a shorter grace of the control plane counts, a longer one after it does not", async () => {
      sessions({ s1: "b1" });
      const ending = await end();
      const drain = (revision: bigint, graceMs: number): void =>
        board.desired.set(desiredState({ revision, drain: { reason: "maintenance", graceMs } }));
      drain(8n, 3_600_000);
      await clock.advance(1_000);
      drain(9n, 30_000);
      await clock.advance(1_000);
      drain(10n, 3_600_000);
      await clock.advance(28_999);
      expect(ending.done).toBeUndefined();
      await clock.advance(1);
      expect(ending.done).toBeDefined();
    });

    it("a refusal by the control plane is what the ending is called, whoever else ordered one", async () => {
      sessions({ s1: "b1" });
      const ending = await sigterm();
      orderEnd(board, { from: "refusal", reason: "unknown machine", deadlineMonoMs: clock.now().monoMs });
      await settle();
      expect(ending.done).toMatchObject({ ended: "refused", reason: "this machine was told to stop" });
    });
  });

  describe("goes by the earliest deadline of two orders", () => {
    const order = (from: EndOrder["from"], graceMs: number) => (): void =>
      orderEnd(board, { from, reason: from, deadlineMonoMs: clock.now().monoMs + graceMs });
    const KINDS: Readonly<Record<string, { readonly graceMs: number; readonly ended: string; give(): void }>> = {
      SIGTERM: { graceMs: GRACE_MS, ended: "stopped", give: () => signals.stop.abort() },
      "a second SIGTERM": {
        graceMs: 0,
        ended: "stopped",
        give: () => {
          signals.stop.abort();
          signals.hurry.abort();
        },
      },
      "the control plane's drain": {
        graceMs: 300_000,
        ended: "drained",
        give: () =>
          board.desired.update((known) => ({ ...(known ?? NOTHING_OPEN), drain: { reason: "x", graceMs: 300_000 } })),
      },
      "an operator's": { graceMs: 120_000, ended: "drained", give: () => order("operator", 120_000)() },
      "the provider's notice": { graceMs: 20_000, ended: "stopped", give: () => order("provider", 20_000)() },
      "a refusal": { graceMs: GRACE_MS, ended: "refused", give: () => order("refusal", GRACE_MS)() },
    };
    const GRAVITY = ["stopped", "drained", "refused"];
    const names = Object.keys(KINDS);
    const pairs = names.flatMap((first) => names.map((second) => ({ first, second })));

    it.each(pairs)("$first, and 10 s later $second", async ({ first, second }) => {
      const [one, other] = [KINDS[first], KINDS[second]];
      if (one === undefined || other === undefined) throw new Error("no such kind");
      sessions({ s1: "b1" });
      const begunMs = clock.now().monoMs;
      let cutAfterMs = Number.NaN;
      gateway.onCut = () => {
        cutAfterMs = clock.now().monoMs - begunMs;
        sessions({});
      };
      const ending = await end();
      one.give();
      await clock.advance(10_000);
      const { phase } = board;
      const atThen = phase.get().at;
      other.give();
      const secondMs = second === first ? Number.POSITIVE_INFINITY : 10_000 + other.graceMs;
      const dueMs = Math.min(one.graceMs, secondMs);
      await clock.advance(Math.max(0, dueMs - 10_000 - 1));
      const cutEarlierMs = cutAfterMs;
      await clock.advance(1);
      expect({ isDraining: atThen === "draining", cutEarlierMs, cutAfterMs }).toEqual({
        isDraining: one.graceMs > 0,
        cutEarlierMs: dueMs > 10_000 ? Number.NaN : dueMs,
        cutAfterMs: dueMs,
      });
      // An order that comes when all is over changes nothing.
      const counts = one.graceMs === 0 ? [one] : [one, other];
      const gravest = Math.max(...counts.map(({ ended }) => GRAVITY.indexOf(ended)));
      expect(ending.done).toMatchObject({ ended: GRAVITY[gravest] });
      expect(unit.gracesMs).toEqual([
        first.startsWith("a second") || (second.startsWith("a second") && counts.length > 1)
          ? 1_000
          : LIMITS.buildkitGraceMs,
      ]);
    });
  });

  describe("judges nothing over that it does not know", () => {
    it("a build that is only learned of after SIGTERM may finish, and no later one is let in", async () => {
      board.desired.set(undefined);
      sessions({ s1: "b1" });
      const ending = await sigterm();
      expect(board.frozen.get()).toEqual({ at: "until-known" });
      board.desired.set(desiredState({ grants: new Map([["b1", grant()]]) }));
      await settle();
      expect(board.frozen.get()).toEqual({ at: "these", builds: new Set(["b1"]) });
      board.desired.set(
        desiredState({
          revision: 8n,
          grants: new Map([
            ["b1", grant()],
            ["b2", grant()],
          ]),
        }),
      );
      await clock.advance(60_000);
      expect(board.frozen.get()).toEqual({ at: "these", builds: new Set(["b1"]) });
      expect(ending.done).toBeUndefined();
      sessions({});
      await clock.advance(2_000);
      expect(ending.done).toBeDefined();
      expect(gateway.told).toEqual([]);
    });

    it("a gateway that is away may carry sessions: they are waited for until the deadline, and cut then", async () => {
      board.gateway.set({ at: "away", runId: "g1" });
      const ending = await sigterm();
      await clock.advance(GRACE_MS - 1);
      expect(ending.done).toBeUndefined();
      await clock.advance(1);
      expect(gateway.told).toEqual(["cut all"]);
      expect(ending.done).toBeDefined();
    });

    it("a machine that never registered, whose gateway never had orders, has nothing to wait for", async () => {
      board.desired.set(undefined);
      board.identity.set(undefined);
      expect((await sigterm()).done).toBeDefined();
    });

    it("a gateway that has orders of an earlier control may have builds", async () => {
      board.desired.set(undefined);
      board.identity.set(undefined);
      board.gateway.update((view) => here(view, { applied: { revision: 7n, epoch: "e" } }));
      expect((await sigterm()).done).toBeUndefined();
    });
  });

  it.each([
    {
      opened: "a plain directory",
      view: { at: "open", volume: openedVolume({ encrypted: false }) },
      closes: ["leave the directory"],
    },
    { opened: "a volume that could not be opened", view: { at: "failed", because: "x" }, closes: ["close the cache"] },
    { opened: "what an earlier process may have opened", view: { at: "waiting" }, closes: ["close the cache"] },
  ] as const)("leaves nothing open of $opened", async ({ view, closes }) => {
    board.desired.set(NOTHING_OPEN);
    board.cache.set(view);
    expect((await sigterm()).done).toBeDefined();
    expect(unit.done).toEqual(["stop", ...closes]);
  });

  it("closes a volume whose opening is under way once that has ended", async () => {
    board.desired.set(NOTHING_OPEN);
    board.cache.set({ at: "opening" });
    const ending = await sigterm();
    expect(unit.done).toEqual(["stop"]);
    board.cache.set({ at: "failed", because: "interrupted" });
    await settle();
    expect(unit.done).toEqual(["stop", "close the cache"]);
    expect(ending.done).toBeDefined();
  });

  it.each([
    { patience: "its grace and 10 s more", isHurried: false, limitMs: LIMITS.buildkitGraceMs + 10_000 },
    { patience: "a second once somebody loses patience", isHurried: true, limitMs: 1_000 },
  ])("waits for a BuildKit that does not stop no longer than $patience, and 10 s for what was killed", async (row) => {
    board.desired.set(NOTHING_OPEN);
    const told: boolean[] = [];
    unit.stop = (_graceMs, signal) =>
      new Promise(() => signal?.addEventListener("abort", () => void told.push(true), { once: true }));
    await sigterm();
    if (row.isHurried) signals.hurry.abort();
    await clock.advance(row.limitMs - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([true]);
    await clock.advance(9_999);
    expect(unit.done).toEqual([]);
    await clock.advance(1);
    expect(unit.done).toEqual(["close the cache"]);
  });

  it.each(["none", "failed"] as const)("does not wait for a tailnet that is %s", async (at) => {
    board.desired.set(NOTHING_OPEN);
    board.tailnet.set(at === "failed" ? { at, grantId: "g", because: "x" } : { at });
    expect((await sigterm()).done).toBeDefined();
  });

  it.each([
    { is: "to be left", tailnet: { at: "leaving", because: "x" }, isHurried: false },
    { is: "to be left", tailnet: { at: "leaving", because: "x" }, isHurried: true },
    { is: "to be known: an earlier process may have joined it", tailnet: { at: "unknown" }, isHurried: false },
  ] as const)("waits half a minute for a tailnet $is, hurried or not: $isHurried", async ({ tailnet, isHurried }) => {
    board.desired.set(NOTHING_OPEN);
    board.tailnet.set(tailnet);
    const ending = await sigterm();
    if (isHurried) signals.hurry.abort();
    await clock.advance(29_999);
    expect(ending.done).toBeUndefined();
    await clock.advance(1);
    expect(ending.done).toBeDefined();
  });

  it("is not kept from its end by a cache that cannot be closed", async () => {
    board.desired.set(NOTHING_OPEN);
    cacheVolume = { ...cacheVolume, close: () => Promise.reject(new Error("target is busy")) };
    expect((await sigterm()).done).toBeDefined();
    expect(board.cache.get().at).toBe("open");
    expect(log.events).toContain("ending.step-failed");
  });

  it("waits until what the gateway told is on disk, before anybody may stop the gateway", async () => {
    board.desired.set(NOTHING_OPEN);
    const last = { runId: "g1", event: { is: "hello", open: [], closed: [] } } as const;
    inbox.put(last);
    const ending = await sigterm();
    await clock.advance(10_000);
    expect(ending.done).toBeUndefined();
    expect(unit.done).toEqual([]);
    inbox.done([last]);
    await settle();
    expect(ending.done).toBeDefined();
  });

  it.each([
    { long: "30 s at most", isHurried: false, limitMs: 30_000 },
    { long: "5 s once somebody loses patience", isHurried: true, limitMs: 5_000 },
  ])("waits for what the gateway told $long", async ({ isHurried, limitMs }) => {
    board.desired.set(NOTHING_OPEN);
    inbox.put({ runId: "g1", event: { is: "hello", open: [], closed: [] } });
    await sigterm();
    if (isHurried) signals.hurry.abort();
    await clock.advance(limitMs - 1);
    expect(unit.done).toEqual([]);
    await clock.advance(1);
    expect(unit.done).toContain("stop");
  });

  describe("is called drained", () => {
    const notDrainedFor = (undone: unknown): void =>
      expect(log.data.get("agent.not-drained")).toMatchObject({ undone });
    beforeEach(() => {
      board.desired.set(NOTHING_OPEN);
      board.plane.update((view) => ({ ...view, attached: true }));
      board.records.set({ waiting: 2, dropped: 0 });
    });

    it("when BuildKit has ended and the last record is acknowledged, however late within its time", async () => {
      const ending = await sigterm();
      board.reported.set(lastWord());
      await clock.advance(4_900);
      expect(log.events).not.toContain("agent.drained");
      board.records.set({ waiting: 0, dropped: 0 });
      await settle();
      expect(ending.done).toBeDefined();
      expect(log.events).toContain("agent.drained");
    });

    it("not when the control plane acknowledges too late", async () => {
      const ending = await sigterm();
      board.reported.set(lastWord());
      await clock.advance(5_000);
      expect(ending.done).toMatchObject({ ended: "stopped" });
      notDrainedFor([expect.stringMatching(/^2 session records are not acknowledged/)]);
    });

    it.each([
      { comes: "back", plane: { attached: true }, drained: true },
      { comes: "not", plane: undefined, drained: false },
    ])("when a control plane that was away is tried once more and comes $comes: $drained", async (row) => {
      board.plane.update((view) => ({ ...view, attached: false }));
      const tries = board.retryNow.count;
      const ending = await sigterm();
      // For the deadline, and for the records.
      expect(board.retryNow.count).toBe(tries + 2);
      expect(ending.done).toBeUndefined();
      if (row.plane === undefined) board.tryFailed.note();
      else {
        board.plane.update((view) => ({ ...view, ...row.plane }));
        board.reported.set(lastWord());
        await settle();
        board.records.set({ waiting: 0, dropped: 0 });
      }
      await settle();
      expect(ending.done).toBeDefined();
      expect(log.events.includes("agent.drained")).toBe(row.drained);
    });

    it.each([
      { when: "hangs at its stop", stop: () => new Promise<never>(() => {}), step: "given-up" },
      { when: "cannot be stopped", stop: () => Promise.reject(new Error("no such unit")), step: "failed" },
    ])("not when BuildKit $when", async ({ stop, step }) => {
      board.records.set({ waiting: 0, dropped: 0 });
      board.reported.set(lastWord());
      unit.stop = stop;
      const ending = await sigterm();
      await clock.advance(LIMITS.buildkitGraceMs + 20_000);
      expect(ending.done).toBeDefined();
      notDrainedFor(["BuildKit was not seen to end"]);
      expect(board.endingSteps.get()).toContainEqual(expect.objectContaining({ name: "buildkit", ended: step }));
    });
  });

  it("waits for the last records and the last word to reach the control plane, but not for ever", async () => {
    board.desired.set(NOTHING_OPEN);
    board.plane.update((view) => ({ ...view, attached: true }));
    board.records.set({ waiting: 1, dropped: 0 });
    const heard = await sigterm();
    expect(heard.done).toBeUndefined();
    board.records.set({ waiting: 0, dropped: 0 });
    await settle();
    expect(heard.done).toBeUndefined();
    board.reported.set(lastWord());
    await settle();
    expect(heard.done).toBeDefined();

    board.records.set({ waiting: 1, dropped: 0 });
    const unheard = await sigterm();
    await clock.advance(4_999);
    expect(unheard.done).toBeUndefined();
    await clock.advance(1);
    expect(unheard.done).toBeDefined();

    const hurried = await sigterm();
    signals.hurry.abort();
    await clock.advance(999);
    expect(hurried.done).toBeUndefined();
    await clock.advance(1);
    expect(hurried.done).toBeDefined();
  });
});
