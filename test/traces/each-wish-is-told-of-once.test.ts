import { afterEach, beforeEach, expect, it } from "vitest";
import { AgentError } from "../../agent/core/errors.ts";
import type { Reconciled } from "../../agent/core/traces/told-as-traces.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { reconcile } from "../../agent/lifecycle/reconcile.ts";
import { ManualClock, settle } from "../control/manual-clock.ts";
import { NO_REPORT } from "../control/stand-ins.ts";

const clock = new ManualClock();
let wanted: Cell<string | undefined>;
let told: Reconciled[];
let act: (wish: string, unchanged: AbortSignal, reached: () => void) => Promise<number | undefined>;
let stop: AbortController;
let loop: Promise<void>;

beforeEach(() => {
  wanted = new Cell<string | undefined>(undefined);
  told = [];
  stop = new AbortController();
  act = async () => undefined;
  loop = reconcile<string>(
    {
      clock,
      watching: [wanted],
      wanted: () => wanted.get(),
      same: (a, b) => a === b,
      doing: (wish) => wish,
      act: (wish, unchanged, _signal, reached) => act(wish, unchanged, reached),
      failed: () => undefined,
      pauses: { passing: { baseMs: 1_000, capMs: 1_000 }, lastingMs: 1_000 },
      report: { ...NO_REPORT, reconciled: (done) => void told.push(done) },
    },
    stop.signal,
  );
});
afterEach(async () => {
  stop.abort();
  await loop;
});

const ends = (): readonly string[] => told.map(({ doing, ended, tries }) => `${doing} ${ended} after ${tries.length}`);

it("what fails and then works is one, from its first try to its last, with each failure", async () => {
  const beganAtMs = clock.now().wallMs;
  act = async () => {
    if (clock.now().wallMs < beganAtMs + 1_000)
      throw new AgentError("disk.busy", "the disk is busy", { retryable: true });
    return undefined;
  };
  wanted.set("a");
  await settle();
  await clock.advance(500);
  await clock.advance(500);
  expect(ends()).toEqual(["a done after 2"]);
  const tried = { because: "the disk is busy", retryInMs: 500 };
  expect(told[0]).toMatchObject({ beganAtMs, endedAtMs: beganAtMs + 1_000, toldBefore: 0 });
  expect(told[0]?.tries).toEqual([
    { atMs: beganAtMs, ...tried },
    { atMs: beganAtMs + 500, ...tried },
  ]);
});

it("what is put right again and again tells nothing, until it fails", async () => {
  let isWell = true;
  act = async () => {
    if (!isWell) throw new Error("gone");
    return 100;
  };
  wanted.set("a");
  for (let round = 0; round < 5; round += 1) await clock.advance(100);
  expect(ends()).toEqual(["a done after 0"]);
  isWell = false;
  await clock.advance(100);
  isWell = true;
  await clock.advance(1_000);
  expect(ends()).toEqual(["a done after 0", "a done after 1"]);
});

it("what stays with what it made is told when that is there, not when it ends", async () => {
  act = async (_wish, unchanged, reached) => {
    await clock.sleep(300, unchanged);
    reached();
    await clock.sleep(Number.POSITIVE_INFINITY, unchanged);
    return undefined;
  };
  wanted.set("a");
  await settle();
  const beganAtMs = clock.now().wallMs;
  await clock.advance(300);
  expect(told).toMatchObject([{ ended: "done", beganAtMs, endedAtMs: beganAtMs + 300 }]);
  wanted.set("b");
  await clock.advance(300);
  expect(ends()).toEqual(["a done after 0", "b done after 0"]);
});

it("what is not wanted any more is told as overtaken, also at the end", async () => {
  act = async (_wish, unchanged) => {
    await clock.sleep(Number.POSITIVE_INFINITY, unchanged);
    unchanged.throwIfAborted();
    return undefined;
  };
  wanted.set("a");
  await settle();
  wanted.set("b");
  await settle();
  expect(ends()).toEqual(["a overtaken after 0"]);
  stop.abort();
  await loop;
  expect(ends()).toEqual(["a overtaken after 0", "b overtaken after 0"]);
});

it("what fails for ever is told of every eight tries, so that somebody sees it", async () => {
  act = () => Promise.reject(new Error("no"));
  wanted.set("a");
  await settle();
  for (let round = 1; round < 20; round += 1) await clock.advance(500);
  expect(ends()).toEqual(["a still-failing after 8", "a still-failing after 8"]);
  expect(told.map(({ toldBefore }) => toldBefore)).toEqual([0, 8]);
});
