import { describe, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { SessionInbox } from "../../agent/control/board/session-inbox.ts";
import { keepRecords } from "../../agent/control/keep-records.ts";
import type { SessionOpening, SessionSummary } from "../../agent/core/session.ts";
import type { RecordCounts } from "../../agent/core/views.ts";
import type { RecordedEvent, RecordStore } from "../../agent/ports/records.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, NO_REPORT, notebook } from "./stand-ins.ts";

const closed = (sessionId: string, runId = "g1"): RecordedEvent => ({
  runId,
  event: { is: "closed", summary: { sessionId } as SessionSummary }, // the store has its own tests
});
const opened = (sessionId: string, runId = "g1"): RecordedEvent => ({
  runId,
  event: { is: "opened", opening: { sessionId } as SessionOpening },
});
const hello = (closedIds: readonly string[], runId = "g1"): RecordedEvent => ({
  runId,
  event: { is: "hello", open: [], closed: closedIds.map((sessionId) => ({ sessionId }) as SessionSummary) },
});

function written({ event }: RecordedEvent): readonly string[] {
  if (event.is === "hello") return [...event.closed.map((one) => `closed ${one.sessionId}`), "settle"];
  if (event.is === "present") return [`present ${event.runIds.join(" ")}`];
  return event.is === "closed" ? [`closed ${event.summary.sessionId}`] : [`opened ${event.opening.sessionId}`];
}

function stage() {
  const disk = { refuses: false };
  const board = newBoard();
  let onCounts: ((counts: RecordCounts) => void) | undefined;
  const syncs: string[][] = [];
  const records = {
    async commit(batch: readonly RecordedEvent[]) {
      if (disk.refuses) throw new Error("no space left");
      syncs.push(batch.flatMap(written));
    },
    onCounts: (listener: (counts: RecordCounts) => void) => {
      onCounts = listener;
      return () => (onCounts = undefined);
    },
    counts: { waiting: 7, dropped: 0 },
  } as unknown as RecordStore; // the journal itself has its own tests
  const gateway = new GatewayStandIn();
  const clock = new ManualClock();
  const stop = new AbortController();
  const inbox = new SessionInbox();
  board.firstAssignment.set({ at: "none" });
  const keeping = keepRecords({ records, gateway, clock, log: notebook() }, inbox, board, NO_REPORT, stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await keeping;
  };
  return { disk, syncs, gateway, clock, inbox, end, board, count: (counts: RecordCounts) => onCounts?.(counts) };
}

describe("a session's record", () => {
  it("is on disk before the gateway may forget it; while the disk refuses it is tried again", async () => {
    const { disk, syncs, gateway, clock, inbox, end } = stage();
    disk.refuses = true;
    inbox.put(closed("a"));
    await clock.advance(10_000);
    expect(gateway.told).toEqual([]);
    disk.refuses = false;
    await clock.advance(1_000);
    expect(syncs).toEqual([["closed a"]]);
    expect(gateway.told).toEqual(["acknowledge a"]);
    await end();
  });

  it("of another project than this machine's is kept nowhere: the control plane would refuse it, and all others with it", async () => {
    const { syncs, gateway, inbox, end, board } = stage();
    board.firstAssignment.set({ at: "kept", assignment: { orgId: "acme", projectId: "app", architecture: "amd64" } });
    const of = (sessionId: string, orgId: string): RecordedEvent => {
      const build = { orgId, projectId: "app", buildId: "b" };
      return { runId: "g1", event: { is: "closed", summary: { sessionId, build } as SessionSummary } };
    };
    inbox.put(of("a", "acme"));
    inbox.put(of("b", "other"));
    await settle();
    expect(syncs).toEqual([["closed a"]]);
    expect(gateway.told).toEqual(["acknowledge a"]);
    await end();
  });

  it("that the disk never took is not forgotten when this process ends: the gateway tells it to the next", async () => {
    const { disk, gateway, inbox, end } = stage();
    disk.refuses = true;
    inbox.put(closed("a"));
    await settle();
    await end();
    expect(gateway.told).toEqual([]);
  });

  it("of a gateway that comes back is closed before the lost ones are settled, and acknowledged with the others", async () => {
    const { syncs, gateway, inbox, end } = stage();
    inbox.put(hello(["a", "b"]));
    await settle();
    expect(syncs).toEqual([["closed a", "closed b", "settle"]]);
    expect(gateway.told).toEqual(["acknowledge a b"]);
    await end();
  });

  it("goes to disk with all that came in the same turn: 200 sessions cost one sync", async () => {
    const { syncs, gateway, inbox, end } = stage();
    await settle();
    for (let session = 0; session < 200; session += 1) inbox.put(closed(`s${session}`));
    await settle();
    expect(syncs).toHaveLength(1);
    expect(syncs[0]).toHaveLength(200);
    expect(gateway.told).toHaveLength(1);
    await end();
  });

  it("is waited for by an ending until it is on disk", async () => {
    const { disk, clock, inbox, end } = stage();
    disk.refuses = true;
    inbox.put(closed("a"));
    let isEmpty = false;
    void inbox.empty(new AbortController().signal).then(() => (isEmpty = true));
    await settle();
    expect(isEmpty).toBe(false);
    disk.refuses = false;
    await clock.advance(1_000);
    expect(isEmpty).toBe(true);
    await end();
  });
});

it("how many records wait for the control plane is known from the start, and after each change, until the end", async () => {
  const { board, count, end } = stage();
  expect(board.records.get()).toEqual({ waiting: 7, dropped: 0 });
  count({ waiting: 8, dropped: 1 });
  expect(board.records.get()).toEqual({ waiting: 8, dropped: 1 });
  await end();
  count({ waiting: 9, dropped: 1 });
  expect(board.records.get()).toEqual({ waiting: 8, dropped: 1 });
});

describe("what waits for the disk", () => {
  it("is bounded: beyond 120,000 the oldest is dropped and counted, and its gateway tells it again", async () => {
    const inbox = new SessionInbox();
    for (let at = 0; at < 120_000; at += 1) inbox.put(opened(`s${at}`));
    expect(inbox.dropped).toBe(0);
    inbox.put(opened("last"));
    expect(inbox.dropped).toBe(1);
    const { signal } = new AbortController();
    const kept = await inbox.next(200_000, signal);
    expect(kept).toHaveLength(120_000);
    expect([kept[0], kept.at(-1)]).toEqual([opened("s1"), opened("last")]);
  });

  it("does not add up while the disk refuses: a hello takes the place of what its gateway told before", async () => {
    const { disk, syncs, clock, inbox, end } = stage();
    disk.refuses = true;
    inbox.put(closed("old", "g0"));
    for (let blip = 0; blip < 100; blip += 1) {
      inbox.put(opened("a"));
      inbox.put(hello(["b"]));
    }
    disk.refuses = false;
    await clock.advance(1_000);
    expect(syncs.flat()).toEqual(["closed old", "closed b", "settle"]);
    await end();
  });
});
