import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runBuildkit } from "../../agent/control/run-buildkit.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { Resources } from "../../agent/core/machine.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, type NetworkView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { Preparation } from "../../agent/ports/buildkit.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { listening, NO_METERS, notebook, ProbeStandIn, UnitStandIn } from "./stand-ins.ts";

const KILLED = { signal: "SIGKILL", lastLines: [] };

describe("buildkitd", () => {
  let clock: ManualClock;
  let unit: UnitStandIn;
  let probe: ProbeStandIn;
  let stop: AbortController;
  let running: Promise<void>;
  const gateway = listening();
  let prepared: Preparation | undefined;
  let desired: Cell<DesiredState | undefined>;
  let buildkit: Cell<BuildkitView>;
  let phase: Cell<Phase>;
  let network: Cell<NetworkView>;

  const begin = (): void => {
    const resources = new Cell<Resources | undefined>({
      memoryAvailableBytes: 1,
      load1m: 0,
      cacheSizeBytes: 100,
      cacheFreeBytes: 50,
    });
    running = runBuildkit(
      {
        unit,
        probe,
        preparation: async () => prepared,
        configuration: (settings, diskBytes) => `parallel=${settings.maxParallelism} disk=${diskBytes}`,
        meters: NO_METERS,
        clock,
        log: notebook(),
      },
      { desired, resources, gateway, network, buildkit, phase },
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
    gateway.update((view) => ({ ...view, open: new Map() }));
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

  it("tells what was set aside before its start", async () => {
    const quarantined = { path: "/cache/quarantine/1", what: "databases", because: "cache.db is damaged" } as const;
    prepared = { schemaVersion: 1, preparedAtMs: 1, tookMs: 1, lastEnd: "unclean", checked: [], quarantined };
    begin();
    await settle();
    expect(buildkit.get().quarantined).toBe("databases, because cache.db is damaged (/cache/quarantine/1)");
  });

  it("that runs already is taken over as it is", async () => {
    unit.status.set({ at: "running", pid: 1 });
    desired.set(undefined);
    begin();
    await settle();
    expect(unit.done).toEqual([]);
    expect(buildkit.get().at).toBe("ready");
  });

  it("is started again after it was killed, at once the first time, and the exit is told", async () => {
    begin();
    await settle();
    unit.exit(KILLED);
    await settle();
    expect(unit.done.filter((step) => step === "start")).toHaveLength(2);
    expect(buildkit.get()).toMatchObject({ at: "ready", restarts: 1, lastExit: "killed by SIGKILL" });
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
    gateway.update((view) => ({ ...view, open: new Map([["s1", "b1"]]) }));
    desired.set(desiredState({ buildkit: { ...desiredState().buildkit, maxParallelism: 4 } }));
    await clock.advance(20_000);
    expect(unit.done).not.toContain("stop");
    gateway.update((view) => ({ ...view, open: new Map() }));
    await clock.advance(5_000);
    expect(unit.done.slice(-3)).toEqual(["stop", "configure parallel=4 disk=100", "start"]);
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
    await clock.advance(5_000);
    expect(buildkit.get().at).toBe("not-answering");
    probe.answers = true;
    await clock.advance(5_000);
    expect(buildkit.get().at).toBe("ready");
  });

  it("that stopped answering is stopped only after 2 minutes, and never under a session", async () => {
    begin();
    await settle();
    probe.answers = false;
    gateway.update((view) => ({ ...view, open: new Map([["s1", "b1"]]) }));
    await clock.advance(300_000);
    expect(buildkit.get().at).toBe("not-answering");
    expect(unit.done).not.toContain("stop");
    gateway.update((view) => ({ ...view, open: new Map() }));
    await clock.advance(5_000);
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
    expect(buildkit.get().message).toContain("unknown key");
    unit.configureFails = undefined;
    await clock.advance(1_000);
    expect(buildkit.get().at).toBe("ready");
  });
});
