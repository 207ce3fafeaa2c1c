import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runBuildkit } from "../../agent/control/buildkit/run-buildkit.ts";
import { ANSWER_MS } from "../../agent/core/buildkit-silence.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { Resources } from "../../agent/core/machine.ts";
import type { AppliedNetwork, ProbeFinding } from "../../agent/core/network/order.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, type NetworkView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { Preparation, Pruned } from "../../agent/ports/buildkit.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { here, listening, loopBook, NO_METERS, notebook, ProbeStandIn, UnitStandIn } from "./stand-ins.ts";

const NETWORK: AppliedNetwork = {
  ...{ ipv4: "10.200.0.1/16", ipv6: "fd00:1::1/64", generation: "10.200.0.0/16 fd00:1::/64" },
  ...{ tailnet: "closed", resolvers: [], localResolvers: [], families: ["ipv4", "ipv6"], collisions: [] },
};
const KILLED = { signal: "SIGKILL", lastLines: [] };

const METADATA_REACHED: ProbeFinding = {
  what: "BuildKit: instance metadata",
  target: "169.254.169.254:80",
  expected: "refused",
  got: "reached",
  ok: false,
  detail: "",
};

describe("buildkitd", () => {
  let clock: ManualClock;
  let unit: UnitStandIn;
  let probe: ProbeStandIn;
  let stop: AbortController;
  let running: Promise<void>;
  const gateway = listening();
  let prepared: Preparation | undefined;
  let isOutdated: boolean;
  let desired: Cell<DesiredState | undefined>;
  let buildkit: Cell<BuildkitView>;
  let phase: Cell<Phase>;
  let network: Cell<NetworkView>;
  let log: ReturnType<typeof notebook>;
  let report: ReturnType<typeof loopBook>;
  let forgetting: (() => Promise<Pruned>)[];
  const forgetTransfers = async (): Promise<Pruned> => (await forgetting.shift()?.()) ?? { records: 0, freedBytes: 0 };
  /** Kinds of ends that were counted. */
  let exits: string[];

  const begin = (): void => {
    const resources = new Cell<Resources | undefined>({
      memoryAvailableBytes: 1,
      load1m: 0,
      cacheSizeBytes: 100,
      cacheFreeBytes: 50,
      cacheInodes: 0,
      cacheFreeInodes: 0,
    });
    running = runBuildkit(
      {
        unit,
        probe,
        buildkitCache: { forgetTransfers },
        preparation: async () => prepared,
        configuration: (settings, diskBytes) => `parallel=${settings.maxParallelism} disk=${diskBytes}`,
        installed: { isOutdated: () => isOutdated },
        meters: { ...NO_METERS, buildkitExited: (kind) => void exits.push(kind) },
        clock,
        log,
      },
      { desired, resources, gateway, network, buildkit, phase },
      report,
      stop.signal,
    );
  };

  beforeEach(() => {
    clock = new ManualClock();
    unit = new UnitStandIn();
    probe = new ProbeStandIn();
    stop = new AbortController();
    desired = new Cell<DesiredState | undefined>(desiredState());
    buildkit = new Cell<BuildkitView>(NO_BUILDKIT);
    phase = new Cell<Phase>({ at: "ready" });
    network = new Cell<NetworkView>({ at: "none" });
    prepared = undefined;
    isOutdated = false;
    forgetting = [];
    log = notebook();
    report = loopBook();
    exits = [];
    gateway.update((view) => here(view, { open: new Map() }));
  });

  afterEach(async () => {
    stop.abort();
    await running;
  });

  it("starts once the control plane has said what it wants, and is ready once it answers", async () => {
    desired.set(undefined);
    begin();
    await settle();
    expect(unit.done).toEqual([]);
    probe.answers = false;
    desired.set(desiredState());
    await settle();
    expect(unit.done).toEqual(["configure parallel=0 disk=100", "start"]);
    expect(buildkit.get().at).toBe("starting");
    probe.answers = true;
    await clock.advance(50);
    expect(buildkit.get()).toMatchObject({ at: "ready", version: "v0.33.1" });
  });

  it("is not ready while what it fetches passes no guard, says what it reaches, and is tried again", async () => {
    probe.reached = [METADATA_REACHED];
    begin();
    await settle();
    expect(buildkit.get()).toMatchObject({
      at: "unguarded",
      message: "What it fetches does not pass the guard: it reaches 169.254.169.254:80",
    });
    expect(log.events).toContain("buildkit.unguarded");
    expect(log.events).not.toContain("buildkit.ready");
    probe.reached = [];
    await clock.advance(5_000);
    expect(buildkit.get().at).toBe("ready");
  });

  it("is known to answer, and is not ready, while what it fetches is tried", async () => {
    let isTried: (reached: readonly []) => void = () => undefined;
    probe.reached = new Promise((resolve) => (isTried = resolve));
    begin();
    await settle();
    expect(buildkit.get()).toMatchObject({ at: "proving", version: "v0.33.1" });
    expect(log.events).not.toContain("buildkit.ready");
    isTried([]);
    await settle();
    expect(buildkit.get().at).toBe("ready");
  });

  it("that runs from before is not tried before its network is known", async () => {
    network.set({ at: "waiting" });
    unit.status.set({ at: "running", pid: 1 });
    begin();
    await clock.advance(60_000);
    expect(buildkit.get().at).toBe("unknown");
    network.set({ at: "applied", network: NETWORK });
    await settle();
    expect(probe.gateways).toEqual([["10.200.0.1", "fd00:1::1"]]);
    expect(buildkit.get().at).toBe("ready");
  });

  it("is not ready while that cannot be tried", async () => {
    probe.reached = new Error("too busy");
    begin();
    await settle();
    expect(buildkit.get()).toMatchObject({
      at: "unguarded",
      message: "Whether what it fetches passes the guard is not known: too busy",
    });
  });

  it("is tried once a run: what it fetches is under the guard by how it was started", async () => {
    begin();
    await settle();
    probe.reached = [METADATA_REACHED];
    await clock.advance(60_000);
    expect(buildkit.get().at).toBe("ready");
    unit.exit({ code: 1, lastLines: [] });
    await clock.advance(1_000);
    expect(buildkit.get().at).toBe("unguarded");
  });

  it("tells what was set aside before its start", async () => {
    const quarantined = { path: "/cache/quarantine/1", what: "databases", because: "cache.db is damaged" } as const;
    prepared = { schemaVersion: 1, preparedAtMs: 1, tookMs: 1, lastEnd: "unclean", checked: [], quarantined };
    begin();
    await settle();
    expect(buildkit.get().quarantined).toBe("databases, because cache.db is damaged (/cache/quarantine/1)");
  });

  describe("after an unclean end", () => {
    const PREPARED = { schemaVersion: 1, preparedAtMs: 1, tookMs: 1, checked: [] } as const;

    it("is ready only once it has forgotten what clients had sent, which may be half of it", async () => {
      prepared = { ...PREPARED, lastEnd: "unclean" };
      let forget: (pruned: Pruned) => void = () => undefined;
      forgetting = [() => new Promise((resolve) => (forget = resolve))];
      begin();
      await clock.advance(1_000);
      expect(buildkit.get().at).toBe("starting");
      forget({ records: 2, freedBytes: 5 });
      await settle();
      expect(buildkit.get().at).toBe("ready");
      expect(log.data.get("buildkit.transfers-forgotten")).toEqual({ records: 2, freedBytes: 5 });
    });

    it("keeps no build out because it cannot forget, and tries again", async () => {
      prepared = { ...PREPARED, lastEnd: "unclean" };
      const fails = () => Promise.reject(new Error("no space left"));
      forgetting = [fails, fails, async () => ({ records: 1, freedBytes: 1 }), fails];
      begin();
      await settle();
      expect(buildkit.get().at).toBe("ready");
      await clock.advance(60_000);
      const told = log.events.filter((event) => event.startsWith("buildkit.transfers-"));
      expect(told).toEqual(["buildkit.transfers-not-forgotten", "buildkit.transfers-forgotten"]);
      expect(forgetting).toHaveLength(1);
    });

    it("forgets, too, where nobody knows how the one before ended", async () => {
      prepared = undefined;
      forgetting = [async () => ({ records: 1, freedBytes: 1 })];
      begin();
      await settle();
      expect(log.events).toContain("buildkit.transfers-forgotten");
    });

    it.each(["clean", "first"] as const)("and only then: after one that was %s it forgets nothing", async (lastEnd) => {
      prepared = { ...PREPARED, lastEnd };
      forgetting = [async () => ({ records: 1, freedBytes: 1 })];
      begin();
      await clock.advance(60_000);
      expect(forgetting).toHaveLength(1);
    });
  });

  it("that runs already is taken over as it is", async () => {
    unit.status.set({ at: "running", pid: 1 });
    desired.set(undefined);
    begin();
    await settle();
    expect(unit.done).toEqual([]);
    expect(buildkit.get().at).toBe("ready");
    // Nobody knows with which settings it was started: those that are wanted come with its next
    // start.
    desired.set(desiredState());
    await clock.advance(60_000);
    expect(unit.done).toEqual([]);
    expect(report.told.filter((words) => words.startsWith("failed"))).toEqual([]);
  });

  describe("that runs already", () => {
    const configuration = (toml: string): Preparation => ({
      ...{ schemaVersion: 1, preparedAtMs: 1, tookMs: 1, lastEnd: "unclean", checked: [] },
      configuration: toml,
    });

    it("with other settings than are wanted is started anew, once no session is open", async () => {
      prepared = configuration("parallel=9 disk=100");
      gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
      unit.status.set({ at: "running", pid: 1 });
      begin();
      await clock.advance(60_000);
      expect(unit.done).toEqual([]);
      gateway.update((view) => here(view, { open: new Map() }));
      await clock.advance(10_000);
      expect(unit.done).toEqual(["stop", "configure parallel=0 disk=100", "start"]);
    });

    it("with the settings that are wanted is left alone, also where its network is learned of later", async () => {
      prepared = configuration("parallel=0 disk=100");
      network.set({ at: "waiting" });
      unit.status.set({ at: "running", pid: 1 });
      begin();
      await clock.advance(10_000);
      network.set({ at: "none" });
      await clock.advance(60_000);
      expect(unit.done).toEqual([]);
    });
  });

  it.each([
    { was: "a network that has moved since", generation: "10.9.0.0/16 fd00::/48", stops: true },
    { was: "the network that is in force", generation: NETWORK.generation, stops: false },
    { was: "a network that nobody remembers", generation: undefined, stops: false },
  ])("that was started for $was and is taken over: starts anew $stops, once no session is open", async (row) => {
    unit.status.set({ at: "running", pid: 1 });
    network.set({ at: "waiting" });
    prepared = {
      ...{ schemaVersion: 1, preparedAtMs: 1, tookMs: 1, lastEnd: "clean", checked: [] },
      configuration: "parallel=0 disk=100",
      ...(row.generation !== undefined && { network: row.generation }),
    };
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    begin();
    await settle();
    network.set({ at: "applied", network: NETWORK });
    await clock.advance(20_000);
    expect(unit.done).toEqual([]);
    gateway.update((view) => here(view, { open: new Map() }));
    await clock.advance(20_000);
    expect(unit.done).toEqual(row.stops ? ["stop", "configure parallel=0 disk=100", "start"] : []);
  });

  it("of another release than the installed one says so, and starts anew once no session is open", async () => {
    isOutdated = true;
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    unit.status.set({ at: "running", pid: 1 });
    begin();
    await clock.advance(600_000);
    expect(buildkit.get()).toMatchObject({ at: "ready", isOutdated: true });
    expect(unit.done).toEqual([]);
    isOutdated = false;
    gateway.update((view) => here(view, { open: new Map() }));
    await clock.advance(5_250);
    expect(unit.done).toEqual(["stop", "configure parallel=0 disk=100", "start"]);
    expect(buildkit.get()).toMatchObject({ at: "ready", isOutdated: false });
    expect(log.events).toEqual(["buildkit.outdated", "buildkit.ready", "buildkit.restarting", "buildkit.ready"]);
  });

  it("starts anew for the installed release once, also where that does not help", async () => {
    isOutdated = true;
    begin();
    await clock.advance(600_000);
    expect(unit.done.filter((step) => step === "stop")).toHaveLength(1);
  });

  it("that dies needs no waiting for the installed release: its next start is of that", async () => {
    isOutdated = true;
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    begin();
    await settle();
    isOutdated = false;
    unit.exit(KILLED);
    await clock.advance(600_000);
    expect(unit.done).not.toContain("stop");
    expect(buildkit.get()).toMatchObject({ at: "ready", isOutdated: false });
  });

  it("is started again after it was killed, at once the first time, and the exit is told", async () => {
    begin();
    await settle();
    unit.exit(KILLED);
    await settle();
    expect(unit.done.filter((step) => step === "start")).toHaveLength(2);
    expect(buildkit.get()).toMatchObject({ at: "ready", restarts: 1, lastExit: "killed by SIGKILL" });
    expect(exits).toHaveLength(1);
    expect(log.events).toEqual(["buildkit.ready", "buildkit.exited", "buildkit.ready"]);
  });

  it("that ended before this process began is not counted as an end, and is told as not started", async () => {
    desired.set(undefined);
    unit.exit(KILLED);
    begin();
    await settle();
    expect(exits).toEqual([]);
    expect(buildkit.get()).toMatchObject({ at: "stopped", message: "Not started yet", restarts: 0 });
  });

  it("that is started and does not run is started again after 10 s", async () => {
    unit.start = async () => void unit.done.push("start");
    begin();
    await clock.advance(9_999);
    expect(unit.done.filter((step) => step === "start")).toHaveLength(1);
    await clock.advance(1);
    expect(unit.done.filter((step) => step === "start")).toHaveLength(2);
  });

  it("that keeps dying is started ever later, then cools down, and is never given up", async () => {
    begin();
    await settle();
    const starts = () => unit.done.filter((step) => step === "start").length;
    for (let death = 0; death < 6; death += 1) {
      unit.exit(KILLED);
      await clock.advance(2_000);
    }
    expect(buildkit.get().at).toBe("cooling-down");
    const before = starts();
    await clock.advance(30_000);
    expect(starts()).toBe(before + 1);
    expect(buildkit.get().at).toBe("ready");
  });

  it("gets new settings when no session is open, and not before", async () => {
    begin();
    await settle();
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    await clock.advance(20_000);
    expect(unit.done).not.toContain("stop");
    gateway.update((view) => here(view, { open: new Map() }));
    await clock.advance(5_250);
    expect(unit.done.slice(-3)).toEqual(["stop", "configure parallel=4 disk=100", "start"]);
  });

  it("gets new settings a quarter of a second after its door was closed, and 10 s to end", async () => {
    begin();
    await settle();
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    await clock.advance(5_000);
    expect(buildkit.get()).toMatchObject({ at: "restarting", message: "New settings" });
    await clock.advance(249);
    expect(unit.done).not.toContain("stop");
    await clock.advance(1);
    expect(unit.done).toContain("stop");
    expect(unit.gracesMs).toEqual([10_000]);
    expect(log.events).toContain("buildkit.restarting");
  });

  it("that cannot be stopped for new settings is stopped again after a pause, and that is told", async () => {
    begin();
    await settle();
    const stopped = unit.stop.bind(unit);
    let asked = 0;
    unit.stop = () => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error("systemd does not answer")) : stopped();
    };
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    await clock.advance(5_250);
    expect(asked).toBe(1);
    expect(log.events.at(-1)).toBe("buildkit.not-restarted");
    expect(report.told).toContain("failed: systemd does not answer, again in 250 ms");
    await clock.advance(1_000);
    expect(asked).toBe(2);
  });

  it("gets no new settings while the gateway is away: it may carry builds that we cannot see", async () => {
    begin();
    await settle();
    gateway.set({ at: "away", runId: "g1" });
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    await clock.advance(600_000);
    expect(unit.done).not.toContain("stop");
    gateway.set(here(gateway.get(), { open: new Map() }));
    await clock.advance(5_250);
    expect(unit.done).toContain("stop");
  });

  it("is not stopped for new settings under a build that came while the door was closing", async () => {
    begin();
    await settle();
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    buildkit.watch(() => {
      if (buildkit.get().at === "restarting") gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    });
    await clock.advance(6_000);
    expect(unit.done).not.toContain("stop");
    expect(buildkit.get().at).toBe("ready");
  });

  it("is ready still when it answers late, and no longer when it has been silent for 15 s", async () => {
    begin();
    await settle();
    probe.answers = false;
    await clock.advance(15_000);
    expect(buildkit.get().at).toBe("ready");
    probe.answers = true;
    await clock.advance(5_000);
    probe.answers = false;
    await clock.advance(15_000);
    expect(buildkit.get().at).toBe("ready");
    await clock.advance(2_000);
    expect(buildkit.get().at).toBe("not-answering");
    // Each silence is told with its end, by which the log knows that the next one is another.
    const told = log.events.filter((event) => event === "buildkit.not-answering" || event === "buildkit.ready");
    expect(told.filter((event, at) => event !== told[at - 1])).toEqual([
      ...["buildkit.ready", "buildkit.not-answering", "buildkit.ready", "buildkit.not-answering"],
    ]);
    const { message } = buildkit.get();
    expect(message).toMatch(/; no answer since \S+Z\. Without a session it is started anew at \S+Z$/);
    await clock.advance(20_000);
    expect(buildkit.get().message).toBe(message);
    probe.answers = true;
    await clock.advance(5_000);
    expect(buildkit.get().at).toBe("ready");
  });

  it("that falls silent is told within 18 s, also right after an answer that lay beside the beat", async () => {
    begin();
    await settle();
    const answer = probe.listWorkers.bind(probe);
    Object.assign(probe, {
      listWorkers: async (until: AbortSignal) => {
        await clock.sleep(probe.answers ? 10 : ANSWER_MS, until);
        return answer();
      },
    });
    await clock.advance(10_000);
    for (let round = 0; round < 12; round += 1) {
      probe.answers = false;
      await clock.advance(18_000);
      expect(buildkit.get().at, `round ${round}`).toBe("not-answering");
      await clock.advance(round * 400);
      probe.answers = true;
      while (buildkit.get().at !== "ready") await clock.advance(50);
    }
  });

  it("that stopped answering is stopped only after 2 minutes, and never under a session", async () => {
    begin();
    await settle();
    probe.answers = false;
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    await clock.advance(300_000);
    expect(buildkit.get().at).toBe("not-answering");
    expect(unit.done).not.toContain("stop");
    gateway.update((view) => here(view, { open: new Map() }));
    await clock.advance(50);
    expect(buildkit.get().message).toBe("It did not answer for 2 minutes");
    await clock.advance(250);
    expect(unit.done).toContain("stop");
  });

  it("that is silent is not stopped before 2 minutes are over, with no session either", async () => {
    begin();
    await settle();
    probe.answers = false;
    await clock.advance(119_000);
    expect(unit.done).not.toContain("stop");
    await clock.advance(2_000);
    expect(unit.done).toContain("stop");
  });

  it("is not started again once the machine is stopping", async () => {
    begin();
    await settle();
    phase.set({ at: "stopping", reason: "SIGTERM" });
    await unit.stop();
    await clock.advance(60_000);
    expect(unit.done.at(-1)).toBe("stop");
  });

  it("whose configuration is refused is reported with buildkitd's words, and tried again", async () => {
    unit.configureFails = new Error("unknown key");
    begin();
    await settle();
    expect(buildkit.get()).toMatchObject({ at: "stopped", message: "unknown key" });
    expect(log.events.slice(0, 1)).toEqual(["buildkit.not-started"]);
    expect(report.told.slice(0, 1)).toEqual(["failed: unknown key, again in 0 ms"]);
    unit.configureFails = undefined;
    await clock.advance(1_000);
    expect(buildkit.get().at).toBe("ready");
  });
});
