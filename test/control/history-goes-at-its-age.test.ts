import { afterEach, beforeEach, expect, it } from "vitest";
import { ageHistory } from "../../agent/control/age-history.ts";
import type { HistoryOrder } from "../../agent/core/build-history.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { loopBook, notebook } from "./stand-ins.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let clock: ManualClock;
let log: ReturnType<typeof notebook>;
let report: ReturnType<typeof loopBook>;
let stop: AbortController;
let running: Promise<void>;
let orders: HistoryOrder[];
let deleted: string[];
let answer: () => Promise<{ records: number }>;
const cells = {
  desired: new Cell<DesiredState | undefined>(undefined),
  buildkit: new Cell<BuildkitView>({ ...NO_BUILDKIT, at: "ready" }),
  phase: new Cell<Phase>({ at: "ready" }),
};

function want(historyMaxAgeMs: number): Promise<void> {
  cells.desired.set(desiredState({ buildkit: { ...desiredState().buildkit, historyMaxAgeMs } }));
  return settle();
}

beforeEach(() => {
  clock = new ManualClock();
  log = notebook();
  report = loopBook();
  stop = new AbortController();
  cells.desired.set(undefined);
  cells.buildkit.set({ ...NO_BUILDKIT, at: "ready" });
  cells.phase.set({ at: "ready" });
  orders = [];
  deleted = [];
  answer = async () => ({ records: 0 });
  const buildkitCache = {
    deleteHistory: (order: HistoryOrder) => {
      orders.push(order);
      return answer();
    },
  };
  const meters = { historyDeleted: (because: string, records: number) => void deleted.push(`${because} ${records}`) };
  running = ageHistory({ buildkitCache, meters, clock, log }, cells, report, stop.signal);
});

afterEach(async () => {
  stop.abort();
  await running;
});

it("of a day is looked through every hour, but for the fifty youngest builds, and told once something went", async () => {
  await clock.advance(2 * DAY_MS);
  expect(orders).toEqual([]);
  await want(DAY_MS);
  await clock.advance(3 * HOUR_MS);
  expect(orders).toEqual(Array.from({ length: 3 }, () => ({ spareYoungest: 50, minAgeMs: DAY_MS, pinnedToo: false })));
  expect(log.events).toEqual([]);
  answer = async () => ({ records: 7 });
  await clock.advance(HOUR_MS);
  expect(log.events).toEqual(["buildkit.history-deleted"]);
  expect(deleted).toEqual(["age 7"]);
});

it("of a minute is looked through every minute, also when the control plane has just said so", async () => {
  await want(DAY_MS);
  await want(MINUTE_MS);
  await clock.advance(3 * MINUTE_MS);
  expect(orders.map(({ minAgeMs }) => minAgeMs)).toEqual([MINUTE_MS, MINUTE_MS, MINUTE_MS]);
});

it("stays while BuildKit does not answer, and once the machine is at its end", async () => {
  await want(MINUTE_MS);
  cells.buildkit.set({ ...NO_BUILDKIT, at: "starting" });
  await clock.advance(3 * MINUTE_MS);
  cells.buildkit.set({ ...NO_BUILDKIT, at: "ready" });
  cells.phase.set({ at: "stopping", reason: "end" });
  await clock.advance(3 * MINUTE_MS);
  expect(orders).toEqual([]);
});

it("that BuildKit does not delete is told, and tried again", async () => {
  answer = () => Promise.reject(new Error("connection lost"));
  await want(MINUTE_MS);
  await clock.advance(MINUTE_MS);
  expect(log.events).toEqual(["buildkit.history-not-deleted"]);
  expect(report.told).toEqual(["failed: connection lost, again in 60000 ms"]);
  answer = async () => ({ records: 0 });
  await clock.advance(MINUTE_MS);
  expect(report.told.at(-1)).toBe("succeeded");
});
