import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { measureResources, observe, showStatusLine } from "../../agent/control/observe.ts";
import type { Run } from "../../agent/core/head.ts";
import type { LoopStatus } from "../../agent/core/loop-status.ts";
import type { Resources } from "../../agent/core/machine.ts";
import { isNotable, NOTHING_OBSERVED, type ObservedState } from "../../agent/core/observed-state.ts";
import type { Machine } from "../../agent/ports/machine.ts";
import { checkResult, desiredState, grant, NOW, openedVolume, WELL } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { NO_MANAGER } from "./stand-ins.ts";

const LOOP: LoopStatus = { name: "cache", at: "running", sinceMs: 1, failures: 0, lastFailure: "" };
const BOOT = {
  bootId: "boot-1",
  runId: "run-1",
  startedMonoMs: 400_000,
  addresses: { controlPlane: "cp.example:443", gateway: "0.0.0.0:8443", health: "127.0.0.1:9090" },
  versions: Promise.resolve({ agent: "1.2.3", node: "v24", buildkit: "v0.33.1", contract: "c" }),
};
const NO_CONTACT = { attached: false, lastFailure: "Not attached yet" };
const GATEWAY = {
  at: "here",
  runId: "g1",
  listening: true,
  servingNotAfterMs: 2,
  applied: { revision: 7n, epoch: "e" },
  open: new Map([
    ["s1", "b1"],
    ["s2", "b1"],
    ["s3", "b2"],
  ]),
} as const;

describe("what is known", () => {
  let clock: ManualClock;
  let board: ReturnType<typeof newBoard>;
  let stop: AbortController;
  let shown: ObservedState[];
  let resources: Resources | undefined;

  beforeEach(async () => {
    clock = new ManualClock();
    board = newBoard();
    stop = new AbortController();
    shown = [];
    resources = WELL.resources;
    void observe({ clock, board: { show: (state) => void shown.push(state) } }, board, BOOT, () => [LOOP], stop.signal);
    await settle();
  });
  afterEach(() => stop.abort());

  const runNow = (): Run => {
    const { wallMs, monoMs } = clock.now();
    const { bootId, runId, addresses } = BOOT;
    return { bootId, runId, addresses, bootedAtMs: wallMs - monoMs, startedAtMs: wallMs - monoMs + 400_000 };
  };
  const told = async (): Promise<ObservedState | undefined> => {
    await settle();
    expect(shown.at(-1)).toBe(board.observed.get());
    return board.observed.get();
  };

  it("is told before anything is, and claims nothing", async () => {
    expect(await told()).toEqual({
      ...NOTHING_OBSERVED,
      observedAtMs: clock.now().wallMs,
      head: { versions: await BOOT.versions, run: runNow(), contact: NO_CONTACT },
      loops: [LOOP],
    });
  });

  it("is told with its time, each part where it belongs", async () => {
    board.phase.set({ at: "ready" });
    board.desired.set(desiredState());
    board.gateway.set(GATEWAY);
    board.gatewayCounts.set({ accepted: 5, refused: 6, waiting: 1 });
    board.checks.set([checkResult()]);
    board.resources.set(resources);
    board.cache.set({ at: "open", volume: openedVolume() });
    board.network.set({ at: "none" });
    board.tailnet.set({ at: "failed", grantId: "t", because: "no such key" });
    board.bootChapters.set([{ name: "register", beganMs: 0, tookMs: 9 }]);
    board.buildkit.set({ ...WELL.buildkit, version: "v1", restarts: 2, lastExit: "killed", quarantined: "db" });
    board.certificates.set({ machineNotAfterMs: 1, lastRenewalError: "late" });
    board.plane.update((view) => ({ ...view, messagesRefused: 3, refused: { revision: 8n, because: "odd" } }));
    await clock.advance(1_000);
    // Counts alone wake nobody: they go with the next change.
    board.phase.set({ at: "degraded", because: [] });
    expect(await told()).toEqual({
      observedAtMs: clock.now().wallMs,
      head: {
        assignment: desiredState().assignment,
        versions: await BOOT.versions,
        run: runNow(),
        contact: NO_CONTACT,
      },
      phase: { at: "degraded", because: [] },
      appliedRevision: 7n,
      appliedEpoch: "e",
      refused: { revision: 8n, because: "odd" },
      gateway: { runId: "g1", listening: true, sessions: 3, finishing: { runIds: [], sessions: 0 } },
      builds: new Map([
        ["b1", 2],
        ["b2", 1],
      ]),
      refusedBuilds: [],
      checks: [checkResult()],
      resources,
      cache: openedVolume(),
      tailnet: {
        grantId: "t",
        state: "failed",
        reason: "no such key",
        nodeId: "",
        name: "",
        addresses: [],
        tags: [],
        acceptsRoutes: false,
      },
      bootChapters: [{ name: "register", beganMs: 0, tookMs: 9 }],
      buildkit: { version: "v1", restarts: 2, lastExit: "killed", quarantined: "db" },
      certificates: { machineNotAfterMs: 1, servingNotAfterMs: 2, lastRenewalError: "late" },
      counters: { sessionsAccepted: 5, sessionsRefused: 6, messagesRefused: 3 },
      troubles: [],
      loops: [LOOP],
    });
  });

  it("of a gateway that is away is what it was: none is never told on a guess", async () => {
    board.gateway.set(GATEWAY);
    await settle();
    board.gateway.set({ at: "away", runId: "g1" });
    expect(await told()).toMatchObject({
      appliedRevision: 7n,
      appliedEpoch: "e",
      builds: new Map([
        ["b1", 2],
        ["b2", 1],
      ]),
    });
    expect((await told())?.certificates).not.toHaveProperty("servingNotAfterMs");
  });

  it("of gateways that finish is how many sessions, and of which", async () => {
    const beside = { runIds: ["g0"], open: new Map([["s9", "b9"]]), isWhole: true };
    board.gateway.set({ ...GATEWAY, beside });
    const finishing = { runIds: ["g0"], sessions: 1 };
    expect(await told()).toMatchObject({ gateway: { runId: "g1", sessions: 3, finishing } });
    board.gateway.set({ at: "away", runId: "g1" });
    expect(await told()).not.toHaveProperty("gateway");
  });

  it("of a gateway that never had orders is revision 0, whatever the one before it had", async () => {
    board.gateway.set(GATEWAY);
    await settle();
    board.gateway.set({ at: "here", runId: "g2", listening: true, open: new Map() });
    expect(await told()).toMatchObject({ appliedRevision: 0n, appliedEpoch: "", builds: new Map() });
  });

  describe("of builds", () => {
    const opened = (): void => {
      board.phase.set({ at: "ready" });
      board.desired.set(desiredState({ grants: new Map([["b1", grant({ expiresAtMs: NOW.wallMs + 60_000 })]]) }));
    };

    it("names none that is refused before the control plane has said which are open", async () => {
      board.phase.set({ at: "draining", reason: "x", deadlineWallMs: 0 });
      expect(await told()).not.toHaveProperty("refusedBuilds");
    });

    it("names those that are refused as soon as the ending keeps them out", async () => {
      opened();
      expect(await told()).toMatchObject({ refusedBuilds: [] });
      board.frozen.set({ at: "these", builds: new Set() });
      expect(await told()).toMatchObject({ refusedBuilds: [{ buildId: "b1", why: { code: "draining" } }] });
    });

    it("names those for which something is missing, and takes it back", async () => {
      opened();
      board.checks.set([checkResult({ name: "disk", state: "failed" })]);
      expect(await told()).toMatchObject({ refusedBuilds: [{ buildId: "b1", why: { code: "not-ready" } }] });
      board.checks.set([checkResult({ name: "disk" })]);
      expect(await told()).toMatchObject({ refusedBuilds: [] });
    });

    it("names those that have expired when it is told next", async () => {
      opened();
      await clock.advance(60_000);
      board.checks.set([]);
      expect(await told()).toMatchObject({ refusedBuilds: [{ buildId: "b1", why: { code: "expired" } }] });
    });
  });

  it.each<[string, (cells: ReturnType<typeof newBoard>) => void]>([
    ["the phase", ({ phase }) => phase.set({ at: "ready" })],
    ["the gateway", ({ gateway }) => gateway.set(GATEWAY)],
    ["the cache", ({ cache }) => cache.set({ at: "open", volume: openedVolume() })],
    ["the network", ({ network }) => network.set({ at: "none" })],
    ["the tailnet", ({ tailnet }) => tailnet.set({ at: "leaving", because: "x" })],
    ["the start", ({ bootChapters }) => bootChapters.set([{ name: "ready", beganMs: 0, tookMs: 1 }])],
    ["BuildKit", ({ buildkit }) => buildkit.set(WELL.buildkit)],
    ["the control plane", ({ plane }) => plane.set(WELL.plane)],
    ["certificates", ({ certificates }) => certificates.set(WELL.certificates)],
    ["checks", ({ checks }) => checks.set([checkResult()])],
    ["the desired state", ({ desired }) => desired.set(desiredState())],
    ["the builds of an ending", ({ frozen }) => frozen.set({ at: "until-known" })],
    ["resources", (cells) => cells.resources.set(WELL.resources)],
  ])("is told anew with each change of %s", async (_, change) => {
    const before = shown.length;
    change(board);
    await settle();
    expect(shown).toHaveLength(before + 1);
  });

  it("is told to the service manager in one line, when the words change, and no more often than every 2 s", async () => {
    const lines: string[] = [];
    const ownUnit = { ...NO_MANAGER, tell: (line: string) => void lines.push(line) };
    void showStatusLine({ clock, ownUnit }, board, stop.signal);
    await settle();
    expect(lines).toEqual(["starting: nothing has been looked at yet"]);
    board.checks.set([checkResult()]);
    board.phase.set({ at: "ready" });
    await clock.advance(1_000);
    board.gateway.set(GATEWAY);
    await clock.advance(999);
    expect(lines).toHaveLength(1);
    await clock.advance(1);
    expect(lines.slice(1)).toEqual(["ready, 3 sessions open"]);
    await clock.advance(10_000);
    board.certificates.set(WELL.certificates);
    await clock.advance(10_000);
    expect(lines).toHaveLength(2);
  });

  it("of resources is measured every 5 s, but not before the cache is open", async () => {
    const looks: string[] = [];
    const machine = {
      resources: async (root: string) => ({ ...WELL.resources, load1m: looks.push(root) }),
    } as unknown as Machine; // only its resources are asked
    void measureResources({ machine, clock }, board, "/cache", stop.signal);
    await clock.advance(60_000);
    expect(looks).toEqual([]);
    board.cache.set({ at: "open", volume: openedVolume() });
    await settle();
    expect(board.resources.get()?.load1m).toBe(1);
    await clock.advance(4_999);
    expect(looks).toEqual(["/cache"]);
    await clock.advance(1);
    expect(board.resources.get()?.load1m).toBe(2);
  });
});

it("a build that is refused, or for another reason, is notable; its words are not", () => {
  const refusing = (code: "draining" | "stopping", message: string): ObservedState => ({
    ...NOTHING_OBSERVED,
    refusedBuilds: [{ buildId: "b1", why: { code }, message }],
  });
  expect(isNotable({ ...NOTHING_OBSERVED, refusedBuilds: [] }, refusing("draining", "x"))).toBe(true);
  expect(isNotable(refusing("draining", "x"), refusing("stopping", "x"))).toBe(true);
  expect(isNotable(refusing("draining", "x"), refusing("draining", "y"))).toBe(false);
});
