import { once } from "node:events";
import { chmod, chown, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { askedAgent } from "../../agent/adapters/operators/asked-agent.ts";
import { operatorDesk } from "../../agent/adapters/operators/desk.ts";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { orderEnd } from "../../agent/control/end-orders.ts";
import { serveOperators } from "../../agent/control/serve-operators.ts";
import { type EndOrder, endingOf } from "../../agent/core/end-orders.ts";
import type { EndingProgress } from "../../agent/core/ending-progress.ts";
import type { LoopStatus } from "../../agent/core/loop-status.ts";
import { NO_GATEWAY } from "../../agent/core/views.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { here, loopBook, notebook } from "./stand-ins.ts";

const GRACE_MS = 600_000;
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

let dir: TempDir;
let board: Board;
let log: ReturnType<typeof notebook>;
let report: ReturnType<typeof loopBook>;
let loops: LoopStatus[];
let over: AbortController;
let serving: Promise<void>;
const clock = systemClock();
const path = (): string => join(dir.path, "operators.sock");
const agent = () => askedAgent(path());
const leftMs = (): number => (endingOf(board.endOrders.get())?.deadlineMonoMs ?? Number.NaN) - clock.now().monoMs;

function serve(): Promise<void> {
  const ports = { operators: operatorDesk({ path: path(), log }), clock, log };
  const means = { order: (order: EndOrder) => orderEnd(board, order), graceMs: GRACE_MS, loops: () => loops };
  return serveOperators(ports, board, means, report, over.signal);
}

async function open(): Promise<void> {
  serving = serve();
  await eventually(
    () =>
      stat(path()).then(
        ({ mode }) => (mode & 0o777) === 0o660,
        () => false,
      ),
    "the desk is open",
  );
}

beforeEach(async () => {
  dir = await TempDir.make("/tmp/operators-");
  board = newBoard();
  log = notebook();
  report = loopBook();
  loops = [];
  over = new AbortController();
  serving = Promise.resolve();
});
afterEach(async () => {
  over.abort();
  await serving;
  await dir[Symbol.asyncDispose]();
});

it("is open to its user and to the group of its directory, and to nobody else", async ({ skip }) => {
  if (process.getuid?.() !== 0) skip("giving a directory to another group needs root");
  await chown(dir.path, 0, 4_321);
  await chmod(dir.path, 0o2750);
  await open();
  const { mode, gid } = await stat(path());
  expect([mode & 0o777, gid]).toEqual([0o660, 4_321]);
});

it("orders an end that counts from now, and tells what it waits for", async () => {
  await open();
  board.gateway.set(here(NO_GATEWAY, { open: new Map(Object.entries({ s1: "b1", s2: "b1", s3: "b2" })) }));
  const progress = await agent().drain({ graceMs: HOUR_MS, hurry: false, reason: "kernel update" }, never);
  expect(board.endOrders.get()).toMatchObject([{ from: "operator", reason: "kernel update", hurry: false }]);
  expect(leftMs()).toBeGreaterThan(HOUR_MS - 30_000);
  expect(leftMs()).toBeLessThanOrEqual(HOUR_MS);
  expect(progress).toMatchObject({
    at: "draining",
    reason: "kernel update",
    open: {
      sessions: 3,
      builds: 2,
      named: [
        { buildId: "b1", sessions: 2 },
        { buildId: "b2", sessions: 1 },
      ],
    },
  });
  expect(log.events).toEqual(["operator.drain"]);
});

it("gives open builds as long as the machine does where nobody says how long", async () => {
  await open();
  await agent().drain({ hurry: false, reason: "x" }, never);
  expect(leftMs()).toBeGreaterThan(GRACE_MS - 30_000);
  expect(leftMs()).toBeLessThanOrEqual(GRACE_MS);
});

it("takes nothing from builds that an earlier order gave more, unless it is told to", async () => {
  await open();
  orderEnd(board, { from: "control-plane", reason: "resize", deadlineMonoMs: clock.now().monoMs + HOUR_MS });
  expect(await agent().drain({ hurry: false, reason: "x" }, never)).toMatchObject({ reason: "resize" });
  expect(leftMs()).toBeGreaterThan(HOUR_MS - 30_000);
  await agent().drain({ graceMs: 2 * HOUR_MS, hurry: false, reason: "x" }, never);
  expect(leftMs()).toBeGreaterThan(HOUR_MS - 30_000);
  expect(leftMs()).toBeLessThanOrEqual(HOUR_MS);
  await agent().drain({ graceMs: 0, hurry: true, reason: "x" }, never);
  expect(leftMs()).toBeLessThanOrEqual(0);
  expect(endingOf(board.endOrders.get())).toMatchObject({ ended: "drained", reason: "resize", hurry: true });
});

it("tells a watcher of each step until all is over", async () => {
  await open();
  const told: EndingProgress[] = [];
  const watching = agent().drainAndWatch({ hurry: false, reason: "x" }, (progress) => told.push(progress), never);
  await eventually(() => told.length > 0, "the drain is told of");
  board.endingAt.set("buildkit");
  await eventually(() => told.some(({ at }) => at === "buildkit"), "the step is told of");
  board.endingAt.set("over");
  over.abort();
  expect(await watching).toMatchObject({ ended: "drained" });
  await serving;
});

it("goes on draining when its watcher leaves", async () => {
  await open();
  const leaving = new AbortController();
  const told: EndingProgress[] = [];
  const watching = agent().drainAndWatch({ hurry: false, reason: "x" }, (one) => told.push(one), leaving.signal);
  await eventually(() => told.length > 0, "the drain is told of");
  leaving.abort();
  await expect(watching).rejects.toThrow(/aborted/);
  expect(board.endOrders.get()).toHaveLength(1);
  const again: EndingProgress[] = [];
  const second = agent().drainAndWatch({ hurry: false, reason: "y" }, (one) => again.push(one), never);
  await eventually(() => again.length > 0, "the next watcher is told");
  expect(again[0]).toMatchObject({ reason: "x" });
  board.endingAt.set("over");
  expect(await second).toMatchObject({ ended: "drained" });
  expect(log.events).not.toContain("operator.not-answered");
});

it("does not call an ending over that broke off", async () => {
  await open();
  let isTold = false;
  const watching = agent().drainAndWatch({ hurry: false, reason: "x" }, () => (isTold = true), never);
  await eventually(() => isTold, "the drain is told of");
  over.abort();
  await expect(watching).rejects.toMatchObject({ code: "operators.broke-off" });
});

it("tries the control plane at once, and says that it worked", async () => {
  await open();
  const trying = agent().reconnect(never);
  await eventually(() => board.retryNow.count === 1, "somebody tries");
  board.plane.set({ attached: true, confirmedAt: clock.now(), lastFailure: "", messagesRefused: 0 });
  expect(await trying).toMatchObject({ is: "attached", already: false });
  expect(await agent().reconnect(never)).toMatchObject({ is: "attached", already: true });
  expect(board.retryNow.count).toBe(1);
});

it("says why a try failed, also where the one before failed for the same reason, and when the next is", async () => {
  await open();
  const failed = { attached: false, lastFailure: "connect ECONNREFUSED", messagesRefused: 0 };
  board.plane.set(failed);
  const trying = agent().reconnect(never);
  await eventually(() => board.retryNow.count === 1, "somebody tries");
  board.plane.set(failed);
  loops = [
    {
      name: "control-plane",
      at: "pausing",
      sinceMs: 0,
      failures: 2,
      lastFailure: failed.lastFailure,
      nextTryMs: clock.now().wallMs + 50_000,
    },
  ];
  board.tryFailed.note();
  const outcome = await trying;
  expect(outcome).toMatchObject({ is: "not-attached", because: "connect ECONNREFUSED" });
  expect(outcome).toHaveProperty("nextTryMs", expect.closeTo(50_000, -4));
});

it("tells how the agent is, as its health port does, also before anything was looked at", async () => {
  await open();
  expect(await agent().health(never)).toMatchObject({
    schemaVersion: 1,
    ready: false,
    notReadyBecause: ["starting: nothing has been looked at yet"],
    phase: { at: "starting" },
  });
});

it.each([
  { of: "two lines", request: { hurry: false, reason: "a\nb", watch: false } },
  { of: "an escape sequence", request: { hurry: false, reason: "\u001B[31mred", watch: false } },
  { of: "no reason", request: { hurry: false, reason: "", watch: false } },
  { of: "more than a week", request: { hurry: false, reason: "x", watch: false, graceMs: 8 * 24 * HOUR_MS } },
  { of: "less than nothing", request: { hurry: false, reason: "x", watch: false, graceMs: -1 } },
])("refuses a drain with $of, and orders nothing", async ({ request }) => {
  await open();
  const socket = connect(path());
  await once(socket, "connect");
  socket.end(`${JSON.stringify({ version: 1, verb: "drain", ...request })}\n`);
  expect(JSON.parse(await text(socket))).toMatchObject({ is: "failed", code: "operators.malformed" });
  expect(board.endOrders.get()).toEqual([]);
});

it("costs an agent without a place for its socket one line of its log, and nothing else", async () => {
  await writeFile(path(), "not a socket");
  serving = serve();
  await eventually(() => report.told.length > 0, "it was tried");
  expect(log.events).toEqual(["operators.not-served"]);
  await rm(path());
});
