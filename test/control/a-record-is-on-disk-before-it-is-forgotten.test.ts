import { describe, expect, it } from "vitest";
import { RecordKeeper } from "../../agent/control/keep-records.ts";
import type { SessionSummary } from "../../agent/core/session.ts";
import type { RecordCounts } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, notebook } from "./stand-ins.ts";

const summary = (sessionId: string): SessionSummary => ({ sessionId }) as SessionSummary;

function stage() {
  const disk = { refuses: false };
  const calls: string[] = [];
  const write = (call: string) => async (_runId: string, what: { sessionId?: string }) => {
    if (disk.refuses) throw new Error("no space left");
    calls.push(`${call} ${what.sessionId ?? ""}`.trim());
  };
  const records = {
    opened: write("opened"),
    closed: write("closed"),
    settle: write("settle"),
    counts: { waiting: 0, dropped: 0 },
  } as unknown as RecordStore; // the journal itself has its own tests
  const gateway = new GatewayStandIn();
  const clock = new ManualClock();
  const stop = new AbortController();
  const keeper = new RecordKeeper();
  const cells = new Cell<RecordCounts>({ waiting: 0, dropped: 0 });
  const keeping = keeper.keep({ records, gateway, clock, log: notebook() }, cells, stop.signal);
  return { disk, calls, gateway, clock, stop, keeper, keeping };
}

describe("a session's record", () => {
  it("is on disk before the gateway may forget it; while the disk refuses it is tried again", async () => {
    const { disk, calls, gateway, clock, stop, keeper, keeping } = stage();
    disk.refuses = true;
    keeper.note("g1", { is: "closed", summary: summary("a") });
    await clock.advance(10_000);
    expect(gateway.told).toEqual([]);
    disk.refuses = false;
    await clock.advance(1_000);
    expect(calls).toEqual(["closed a"]);
    expect(gateway.told).toEqual(["acknowledge a"]);
    stop.abort();
    await keeping;
  });

  it("that the disk never took is not forgotten when this process ends: the gateway tells it to the next", async () => {
    const { disk, gateway, stop, keeper, keeping } = stage();
    disk.refuses = true;
    keeper.note("g1", { is: "closed", summary: summary("a") });
    await settle();
    stop.abort();
    await keeping;
    expect(gateway.told).toEqual([]);
  });

  it("of a gateway that comes back is closed before the lost ones are settled, and acknowledged with the others", async () => {
    const { calls, gateway, stop, keeper, keeping } = stage();
    keeper.note("g1", {
      is: "hello",
      runId: "g1",
      request: { der: new Uint8Array(), spkiSha256: "" },
      open: [],
      closed: [summary("a"), summary("b")],
    });
    await settle();
    expect(calls).toEqual(["closed a", "closed b", "settle"]);
    expect(gateway.told).toEqual(["acknowledge a b"]);
    stop.abort();
    await keeping;
  });
});
