import { beforeEach, describe, expect, it } from "vitest";
import { Stats } from "../../agent/gateway/stats.ts";
import type { GatewayNews } from "../../agent/ports/control-link.ts";
import { ManualClock } from "../control/manual-clock.ts";

const LOOK_MS = 2_000;

describe("the gateway's statistics", () => {
  let clock: ManualClock;
  let told: GatewayNews[];
  let sessions: { stats: ReturnType<typeof carrying> };
  let stats: Stats;
  let residentBytes: number;

  function carrying(bytesToClient: number) {
    const progress = [["s1", 10, bytesToClient] as const];
    const bytes = { bytesFromClients: 10, bytesToClients: bytesToClient };
    return { accepted: 1, copiedSessions: 0, openSessions: 1, ...bytes, progress };
  }

  beforeEach(() => {
    clock = new ManualClock();
    told = [];
    residentBytes = 1;
    sessions = { stats: carrying(1) };
    stats = new Stats({
      link: { tell: (news) => told.push(news), faults: 0 },
      gauges: { residentBytes: () => (residentBytes += 1), eventLoopDelayP99Ms: () => 0 },
      door: { address: "127.0.0.1:1" },
      reception: { serving: true, pendingHandshakes: 0 },
      refusals: { counts: {} },
      calls: { refused: {} },
      records: { dropped: 0 },
      sessions,
      droppedLogLines: () => 0,
      clock,
    });
  });

  /** One look every 2 s. */
  async function looks(count: number): Promise<void> {
    for (let look = 0; look < count; look += 1) {
      stats.tellNews();
      await clock.advance(LOOK_MS);
    }
  }

  it("go out once while only the process's memory changes, and again after 5 s", async () => {
    await looks(3);
    expect(told).toHaveLength(1);
    await looks(1);
    expect(told).toHaveLength(2);
  });

  it("go out at the next look after a session carried a byte more", async () => {
    await looks(1);
    sessions.stats = carrying(2);
    await looks(2);
    expect(told.map((news) => news.is === "stats" && news.stats.bytesToClients)).toEqual([1, 2]);
  });

  it("go out whenever a control asks for them, though nothing changed", async () => {
    await looks(1);
    stats.tell();
    expect(told).toHaveLength(2);
  });
});
