import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { orderEnd } from "../../agent/control/end-orders.ts";
import { Provider } from "../../agent/control/notices/heed-provider.ts";
import { endingOf } from "../../agent/core/end-orders.ts";
import type { Notice } from "../../agent/core/notices/notice.ts";
import { noticesIn } from "../../agent/core/notices/view.ts";
import type { FoundPlatform, NoticeLine } from "../../agent/ports/notices.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { notebook } from "./stand-ins.ts";

const GRACE_MS = 600_000;

/** A line that says what the test has put there. */
class LineStandIn implements NoticeLine {
  readonly name: string;
  readonly everyMs = 5_000;
  says: readonly Notice[] | Error | "hangs" = [];
  looks = 0;

  constructor(name: string) {
    this.name = name;
  }

  async look(signal: AbortSignal): Promise<readonly Notice[]> {
    this.looks += 1;
    if (this.says instanceof Error) throw this.says;
    if (this.says !== "hangs") return this.says;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("over")), { once: true }));
    return [];
  }
}

let [board, clock, stop, log]: [Board, ManualClock, AbortController, ReturnType<typeof notebook>] = [
  newBoard(),
  new ManualClock(),
  new AbortController(),
  notebook(),
];
let [one, other]: readonly [LineStandIn, LineStandIn] = [new LineStandIn("one"), new LineStandIn("other")];
let acknowledged: (readonly string[])[];
let provider: Provider;
let over: Promise<void>;

function heed(found: FoundPlatform): void {
  provider = new Provider({ notices: { find: async () => found }, clock, log }, board, {
    order: (order) => orderEnd(board, order),
    graceMs: GRACE_MS,
  });
  over = provider.heed(stop.signal);
}

beforeEach(async () => {
  [board, clock, stop, log] = [newBoard(), new ManualClock(), new AbortController(), notebook()];
  [one, other] = [new LineStandIn("one"), new LineStandIn("other")];
  acknowledged = [];
  const acknowledge = async (ids: readonly string[]): Promise<void> => void acknowledged.push(ids);
  heed({ at: "here", platform: { name: "azure", lines: [one, other], acknowledge } });
  await clock.advance(6_000);
});

afterEach(async () => {
  stop.abort();
  await over;
});

const PREEMPT: Notice = { kind: "azure-preempt", id: "e1", atMs: 1, leftMs: 30_000, mayBeAcknowledged: true };
const ending = () => endingOf(board.endOrders.get());

it("asks each line on the machine's beat, and says nothing while nothing is announced", () => {
  expect([one.looks, other.looks]).toEqual([2, 2]);
  expect(log.events).toEqual(["notices.heeding"]);
  expect(ending()).toBeUndefined();
});

it("orders an end that leaves ten seconds of the notice, and hurries the last steps from then on", async () => {
  one.says = [PREEMPT];
  await clock.advance(5_000);
  const begun = ending();
  expect(begun).toMatchObject({ ended: "stopped", hurry: false });
  expect(begun?.reason).toMatch(/^Azure takes this spot machine back from 2026-/);
  const leftMs = (begun?.deadlineMonoMs ?? Number.NaN) - clock.now().monoMs;
  expect(leftMs).toBeGreaterThan(14_000);
  expect(leftMs).toBeLessThanOrEqual(20_000);
  await clock.advance(leftMs - 1);
  expect(ending()?.hurry).toBe(false);
  await clock.advance(1);
  expect(ending()).toMatchObject({ hurry: true, deadlineMonoMs: begun?.deadlineMonoMs });
  expect(board.endOrders.get()).toHaveLength(1);
});

it("hurries by the earlier of two notices", async () => {
  one.says = [{ kind: "azure-reboot", id: "e0", atMs: 2, leftMs: 600_000 }];
  await clock.advance(5_000);
  other.says = [PREEMPT];
  await clock.advance(30_000);
  expect(ending()?.hurry).toBe(true);
});

it.each<Notice["kind"]>(["aws-rebalance", "gcp-live-migration", "azure-freeze", "aws-maintenance", "azure-other"])(
  "%s is told, and orders nothing, however near it is",
  async (kind) => {
    one.says = [{ kind, leftMs: 1_000 }];
    await clock.advance(3_600_000);
    expect(noticesIn(board.notices.get())).toMatchObject([{ kind }]);
    expect(log.events).toEqual(["notices.heeding", "notices.heard"]);
    expect(ending()).toBeUndefined();
    one.says = [];
    await clock.advance(10_000);
    expect(noticesIn(board.notices.get())).toEqual([]);
    expect(log.events.at(-1)).toBe("notices.over");
  },
);

it("an end that was ordered stays ordered when the platform thinks better of it", async () => {
  one.says = [PREEMPT];
  await clock.advance(5_000);
  one.says = [];
  await clock.advance(60_000);
  expect(ending()).toMatchObject({ hurry: true });
});

describe("a metadata service at fault", () => {
  it("that hangs in one line keeps no other from its turn", async () => {
    one.says = "hangs";
    other.says = [PREEMPT];
    await clock.advance(10_000);
    expect(ending()).toBeDefined();
  });

  it("has one line in the log, is asked again within seconds, and takes nothing back", async () => {
    one.says = [{ kind: "aws-rebalance" }];
    await clock.advance(10_000);
    const looks = one.looks;
    [one.says, other.says] = [new Error("no answer"), new Error("no answer")];
    await clock.advance(600_000);
    expect(log.events.filter((event) => event === "notices.not-heard")).toHaveLength(1);
    expect(one.looks - looks).toBeGreaterThan(75);
    expect(one.looks - looks).toBeLessThan(300);
    expect(noticesIn(board.notices.get())).toMatchObject([{ kind: "aws-rebalance" }]);
    expect(ending()).toBeUndefined();
    [one.says, other.says] = [[], []];
    await clock.advance(20_000);
    expect(log.events.filter((event) => event === "notices.heard-again")).toHaveLength(1);
  });
});

it("lets go ahead what waits for this machine alone, and only what ends it", async () => {
  const shared: Notice = { kind: "azure-reboot", id: "e2", atMs: 3, leftMs: 60_000 };
  one.says = [PREEMPT, shared, { kind: "azure-freeze", id: "e3", leftMs: 1, mayBeAcknowledged: true }];
  await clock.advance(5_000);
  await provider.acknowledge(stop.signal);
  expect(acknowledged).toEqual([["e1"]]);
  expect(log.events.at(-1)).toBe("notices.acknowledged");
});

it("asks nobody where there is no platform, and says why", async () => {
  stop.abort();
  await over;
  [board, stop, log] = [newBoard(), new AbortController(), notebook()];
  heed({ at: "none", because: "notices.platform is off" });
  await settle();
  await over;
  expect(board.notices.get()).toEqual({ at: "off", because: "notices.platform is off" });
  await provider.acknowledge(stop.signal);
  expect(log.events).toEqual(["notices.off"]);
});
