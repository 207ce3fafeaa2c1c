import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { SessionInbox } from "../../agent/control/board/session-inbox.ts";
import { watchGateway } from "../../agent/control/watch-gateway/watch-gateway.ts";
import { refusedLately } from "../../agent/core/refusals-lately.ts";
import type { SessionOpening, SessionSummary } from "../../agent/core/session.ts";
import type { GatewayEvent, GatewayStats } from "../../agent/ports/gateway.ts";
import type { SigningRequest } from "../../agent/ports/keys.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, NO_METERS, notebook } from "./stand-ins.ts";

const request = (spkiSha256: string): SigningRequest => ({ der: new Uint8Array(), spkiSha256 });
const opening = (sessionId: string, buildId = "b1") => ({ sessionId, build: { buildId } }) as SessionOpening; // only these are asked
const summary = (sessionId: string) => ({ sessionId }) as SessionSummary; // only its name is asked
const hello = (over: Partial<Extract<GatewayEvent, { is: "hello" }>> = {}): GatewayEvent => ({
  is: "hello",
  runId: "g1",
  request: request("k1"),
  open: [],
  closed: [],
  ...over,
});
const STATS: GatewayStats = {
  listening: true,
  refusedCalls: {},
  accepted: 3,
  refused: { "no-grant": 2, "handshake-timeout": 5 },
  pendingHandshakes: 0,
  openSessions: 1,
  bytesFromClients: 0,
  bytesToClients: 0,
  residentBytes: 0,
  eventLoopDelayP99Ms: 0,
  recordsDropped: 0,
  linkFaults: 0,
  logLinesDropped: 0,
  copiedSessions: 0,
  progress: [["s1", 10, 20]],
};

describe("the gateway", () => {
  let gateway: GatewayStandIn;
  let board: ReturnType<typeof newBoard>;
  let inbox: SessionInbox;
  let stop: AbortController;
  let log: ReturnType<typeof notebook>;
  let progress: (readonly [string, number, number])[];
  let metered: unknown[];
  let isOutdated: boolean;
  let watching: Promise<void>;

  beforeEach(() => {
    gateway = new GatewayStandIn();
    board = newBoard();
    inbox = new SessionInbox();
    stop = new AbortController();
    log = notebook();
    progress = [];
    metered = [];
    const records = { progress: (...told: readonly [string, number, number]) => void progress.push(told) };
    const meters = {
      ...NO_METERS,
      gateway: (stats: GatewayStats) => void metered.push(stats),
      gatewayLost: () => void metered.push("lost"),
      restarted: (process: string) => void metered.push(`${process} restarted`),
    };
    const troubles = { lastEnd: () => "killed by SIGKILL" };
    isOutdated = false;
    const installed = { isOutdated: () => isOutdated };
    const ports = { gateway, records, troubles, installed, meters, clock: new ManualClock(), log };
    watching = watchGateway(ports, inbox, board, stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await watching;
  });

  async function says(...events: readonly GatewayEvent[]): Promise<void> {
    for (const event of events) gateway.queue.push(event);
    await settle();
  }

  it("whose refusals rise is told with what it refused since we watch it", async () => {
    const lately = () => {
      const refusals = board.refusals.get();
      return refusals && refusedLately(refusals);
    };
    gateway.queue.push(hello());
    gateway.queue.push({ is: "stats", stats: STATS });
    await settle();
    expect(lately()).toEqual([]);
    gateway.queue.push({ is: "stats", stats: { ...STATS, refused: { ...STATS.refused, "no-grant": 9 } } });
    await settle();
    expect(board.refusals.get()).toMatchObject({ runId: "g1", amiss: ["no-grant"] });
    expect(lately()).toEqual([["no-grant", 7]]);
  });

  it("is there from its hello on, with its sessions, and not yet listening", async () => {
    await says(hello({ open: [opening("s1"), opening("s2", "b2")], applied: { revision: 4n, epoch: "e" } }));
    expect(board.gateway.get()).toEqual({
      at: "here",
      runId: "g1",
      listening: false,
      uncertified: "k1",
      applied: { revision: 4n, epoch: "e" },
      open: new Map([
        ["s1", "b1"],
        ["s2", "b2"],
      ]),
    });
    expect(board.servingRequest.get()).toEqual(request("k1"));
  });

  it("whose unit another release has started says so, and ends once it is alone and idle, to start anew", async () => {
    isOutdated = true;
    await says(hello({ open: [opening("s1")], servingNotAfterMs: 9 }), { is: "stats", stats: STATS });
    expect(board.gateway.get()).toMatchObject({ isOutdated: true });
    expect(gateway.told).toEqual([]);
    await says({ is: "closed", summary: summary("s1") });
    expect(gateway.told).toEqual(["retire g1"]);
    expect(log.events).toEqual(["gateway.outdated", "gateway.starting-anew"]);
    await says({ is: "lost" }, { is: "present", runIds: [] });
    // It was to end: nothing broke.
    expect(metered).not.toContain("gateway restarted");
    expect(log.events).toContain("gateway.finished");
  });

  it("is made to start anew for the installed release once, also where that does not help", async () => {
    isOutdated = true;
    for (const runId of ["g1", "g2"])
      await says(hello({ runId, servingNotAfterMs: 9 }), { is: "stats", stats: { ...STATS, openSessions: 0 } });
    expect(gateway.told).toEqual(["retire g1"]);
  });

  it("that serves already has no key that waits for a certificate", async () => {
    await says(hello({ servingNotAfterMs: 9 }));
    expect(board.gateway.get()).toMatchObject({ servingNotAfterMs: 9 });
    expect(board.gateway.get()).not.toHaveProperty("uncertified");
    expect(board.gateway.get()).not.toHaveProperty("applied");
  });

  it("changes by what it says, one thing at a time", async () => {
    await says(hello({ open: [opening("s1")] }), { is: "opened", opening: opening("s2", "b2") });
    expect(board.gateway.get()).toMatchObject({
      open: new Map([
        ["s1", "b1"],
        ["s2", "b2"],
      ]),
    });
    await says({ is: "closed", summary: summary("s1") });
    expect(board.gateway.get()).toMatchObject({ open: new Map([["s2", "b2"]]) });
    await says({ is: "applied", revision: 5n, epoch: "f" }, { is: "certified", notAfterMs: 7 });
    expect(board.gateway.get()).toMatchObject({ applied: { revision: 5n, epoch: "f" }, servingNotAfterMs: 7 });
    await says({ is: "request", request: request("k2") }, { is: "stats", stats: STATS }, { is: "cut", sessions: 0 });
    expect(board.gateway.get()).toMatchObject({ uncertified: "k2", listening: true, open: new Map([["s2", "b2"]]) });
    expect(board.servingRequest.get()).toEqual(request("k2"));
  });

  it("that comes back as another process was restarted; the same that connects again was not", async () => {
    await says(hello({ runId: "run-a" }), { is: "lost" }, hello({ runId: "run-a" }));
    expect(metered).toEqual(["lost"]);
    await says({ is: "lost" }, hello({ runId: "run-b" }));
    expect(metered).toEqual(["lost", "lost", "gateway restarted"]);
  });

  it("that is lost is away, with nothing that could be misread, and that is told", async () => {
    await says(hello({ open: [opening("s1")] }), { is: "lost" });
    expect(board.gateway.get()).toEqual({ at: "away", runId: "g1" });
    expect(log.events).toEqual(["gateway.lost"]);
    expect(metered).toEqual(["lost"]);
  });

  it("that another one took the place of is a trouble, with the builds that were open; a lost link alone is none", async () => {
    const open = [opening("s1"), opening("s2"), opening("s3", "b2")];
    await says(hello({ open }), { is: "lost" }, hello({ open }), { is: "lost" });
    expect(board.troubles.get()).toEqual([]);
    await says(hello({ runId: "g2" }));
    expect(board.troubles.get()).toMatchObject([{ is: "process-ended", what: "gateway", builds: ["b1", "b2"] }]);
  });

  it("that tells of a session which a fault broke makes a trouble of it, once, also of one from before", async () => {
    const ended = (sessionId: string, ending: SessionSummary["ending"]): SessionSummary =>
      ({ ...opening(sessionId), openedAtMs: 1_000, durationMs: 500, ending }) as SessionSummary; // only these are asked
    const broken = ended("s1", "buildkit-closed");
    await says(hello({ closed: [broken] }), { is: "closed", summary: broken });
    await says({ is: "closed", summary: ended("s2", "client-closed") });
    expect(board.troubles.get()).toMatchObject([{ what: "buildkitd", sinceMs: 1_500, builds: ["b1"] }]);
  });

  it("that is away does not come back by news without a hello", async () => {
    await says({ is: "stats", stats: STATS }, { is: "applied", revision: 1n, epoch: "e" });
    expect(board.gateway.get()).toEqual({ at: "away", runId: "" });
  });

  it("has each of its sessions put where it goes to disk, under its name, and nothing else", async () => {
    const told = [
      hello({ closed: [summary("s0")] }),
      { is: "opened", opening: opening("s1") },
      { is: "closed", summary: summary("s1") },
    ] as const;
    await says(...told, { is: "stats", stats: STATS }, { is: "request", request: request("k2") });
    expect(await inbox.next(100, stop.signal)).toEqual(told.map((event) => ({ runId: "g1", event })));
  });

  it("beats: its counts are metered, each session's bytes go on, and no view changes by them", async () => {
    await says(hello(), { is: "stats", stats: STATS });
    const view = board.gateway.get();
    await says({ is: "stats", stats: { ...STATS, accepted: 4 } });
    expect(board.gateway.get()).toBe(view);
    expect(board.gatewayCounts.get()).toEqual({ accepted: 4, refused: 7, waiting: 2 });
    expect(progress).toEqual([STATS.progress[0], STATS.progress[0]]);
    expect(metered).toHaveLength(2);
  });

  describe("while it is replaced", () => {
    const beside = true as const;
    const old = hello({ runId: "old", beside, startedMonoMs: 1, servingNotAfterMs: 9, open: [opening("s1")] });
    const young = hello({ runId: "young", beside, startedMonoMs: 2, request: request("k2") });
    const stats = (from: string, over: Partial<GatewayStats> = {}): GatewayEvent => ({
      is: "stats",
      stats: { ...STATS, ...over },
      from,
    });
    const both: GatewayEvent = { is: "present", runIds: ["old", "young"] };

    it("by one that does not serve yet, the old one is the one, and the other's key is to be certified", async () => {
      await says(old, stats("old"), young, both);
      expect(board.gateway.get()).toMatchObject({ runId: "old", listening: true, next: { uncertified: "k2" } });
      expect(board.servingRequest.get()).toEqual(request("k2"));
      expect(gateway.told).toEqual([]);
    });

    it("the old one's hello, heard again, takes nobody's key from the one that is to be certified", async () => {
      await says(old, stats("old"), young, both, { is: "lost", from: "old" }, old);
      expect(board.servingRequest.get()).toEqual(request("k2"));
    });

    it("is retired, once, when the other serves", async () => {
      await says(old, stats("old"), young, both, stats("young"), stats("young"), stats("old", { listening: false }));
      expect(gateway.told).toEqual(["retire old"]);
      expect(board.gateway.get()).toMatchObject({ runId: "young", beside: { runIds: ["old"], isWhole: true } });
    });

    it("is told again, when its hello says that it has not heard", async () => {
      await says(old, stats("old"), young, both, stats("young"), { is: "lost", from: "old" }, old, stats("old"));
      expect(gateway.told).toEqual(["retire old", "retire old"]);
    });

    it("and has finished, it is no trouble, and what it counted stays counted", async () => {
      await says(old, stats("old"), young, both, stats("young"));
      await says({ is: "closed", summary: summary("s1"), from: "old" }, { is: "lost", from: "old" });
      await says({ is: "present", runIds: ["young"] }, stats("young"));
      expect(log.events).toEqual(["gateway.replaced", "gateway.finished"]);
      expect(board.troubles.get()).toEqual([]);
      expect(board.gateway.get()).not.toHaveProperty("beside");
      expect(board.gatewayCounts.get()).toEqual({ accepted: 6, refused: 14, waiting: 4 });
    });

    it("and dies with a session open, that is a trouble with its build; the other one's sessions are none of it", async () => {
      await says(old, stats("old"), young, both, stats("young"), { is: "lost", from: "old" });
      expect(board.gateway.get()).toMatchObject({ at: "here", beside: { isWhole: false } });
      await says({ is: "present", runIds: ["young"] });
      expect(board.troubles.get()).toMatchObject([{ is: "process-ended", what: "gateway", builds: ["b1"] }]);
      expect(metered).toContain("gateway restarted");
    });

    it("and each one's sessions are put to disk under its own run, with which runs there are", async () => {
      const opened: GatewayEvent = { is: "opened", opening: opening("s2"), from: "old" };
      await says(old, young, both, opened);
      const told = await inbox.next(100, stop.signal);
      expect(told.map(({ runId, event }) => `${runId} ${event.is}`)).toEqual([
        "old hello",
        "young hello",
        " present",
        "old opened",
      ]);
    });
  });
});
