import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { examine } from "../../agent/control/examine.ts";
import { CHECKS } from "../../agent/core/checks/register.ts";
import type { CheckResult } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import type { AnyLog } from "../../agent/ports/log.ts";
import { desiredState, FIXED, WELL } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { here } from "./stand-ins.ts";

const FULL = {
  ...{ memoryAvailableBytes: 1, load1m: 0, cacheSizeBytes: 2 ** 40, cacheFreeBytes: 0 },
  ...{ cacheInodes: 1_000_000, cacheFreeInodes: 900_000 },
};

describe("what is known", () => {
  let clock: ManualClock;
  let board: ReturnType<typeof newBoard>;
  let stop: AbortController;
  /** "warn check.failed disk": what a person reads. */
  let logged: string[];

  beforeEach(() => {
    clock = new ManualClock();
    board = newBoard();
    stop = new AbortController();
    logged = [];
    const note =
      (level: string): AnyLog["info"] =>
      (data, event) =>
        void logged.push(`${level} ${event} ${String((data as { readonly check?: string }).check)}`);
    const log: AnyLog = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
    void examine({ clock, log }, board, FIXED, stop.signal);
  });
  afterEach(() => stop.abort());

  function allIsWell(): void {
    const now = clock.now();
    const { plane, certificates, gateway, ...rest } = WELL;
    const later = now.wallMs + 3_600_000;
    const known: Known = {
      ...rest,
      plane: { ...plane, confirmedAt: now, time: { planeMs: now.wallMs, at: now } },
      certificates: { ...certificates, machineNotAfterMs: later },
      gateway: here(gateway, { servingNotAfterMs: later }),
    };
    for (const [name, value] of Object.entries(known)) set(name as keyof Known, value);
  }

  function set(name: keyof Known, value: unknown): void {
    (board[name].set as (value: unknown) => void)(value);
  }

  const check = (name: string): CheckResult | undefined => board.checks.get().find((one) => one.name === name);

  it("is judged from the start: what blocks is expected to fail then, and only the rest is told", async () => {
    await settle();
    expect(board.checks.get().map(({ name }) => name)).toEqual(CHECKS.map(({ name }) => name));
    expect(board.phase.get()).toEqual({ at: "starting" });
    expect(logged.filter((line) => line.includes("check.failed"))).toEqual([]);
    // With a young view it blocks nothing, and somebody should look.
    board.plane.update((view) => ({ ...view, confirmedAt: clock.now() }));
    await settle();
    expect(check("control-plane")).toMatchObject({ state: "failed", blocking: false });
  });

  it("makes the machine ready once all that blocks is ok, and degraded by name once it is not", async () => {
    allIsWell();
    await settle();
    expect(board.phase.get()).toEqual({ at: "ready" });
    expect(check("buildkit")?.sinceMs).toBe(clock.now().wallMs);
    logged.length = 0;
    board.buildkit.set({ ...WELL.buildkit, at: "not-answering", message: "no answer" });
    await settle();
    expect(board.phase.get()).toEqual({ at: "degraded", because: ["buildkit"] });
    expect(logged).toEqual(["warn check.failed buildkit"]);
    board.buildkit.set(WELL.buildkit);
    await settle();
    expect(board.phase.get()).toEqual({ at: "ready" });
    expect(logged.slice(1)).toEqual(["info check.passed buildkit"]);
  });

  it("is told as a turn each time: what only informs without alarm, and what is not known any more, too", async () => {
    allIsWell();
    await settle();
    logged.length = 0;
    board.records.set({ waiting: 0, dropped: 1 });
    board.isolation.set({ at: "unverified" });
    board.network.set({ at: "waiting" });
    await settle();
    expect(logged).toEqual([
      "info check.unknown build-network",
      "info check.unknown isolation",
      "info check.failed records",
    ]);
  });

  it("that was a warning and keeps builds out now is told, and keeps its beginning", async () => {
    allIsWell();
    const another = { volumeId: "v-9", key: { kind: "per-boot" } } as const;
    board.desired.set(desiredState({ cacheVolume: another }));
    await settle();
    expect(check("cache-volume")).toMatchObject({ state: "failed", blocking: false });
    logged.length = 0;
    const beganMs = clock.now().wallMs;
    await clock.advance(60_000);
    board.cache.set({ at: "failed", because: "gone" });
    await settle();
    expect(check("cache-volume")?.sinceMs).toBe(beganMs);
    expect(logged).toContain("warn check.failed cache-volume");
  });

  it("that says the same as before changes nothing, and keeps since when it is so", async () => {
    allIsWell();
    await settle();
    const checks = board.checks.get();
    await clock.advance(5_000);
    board.resources.set({ ...WELL.resources, load1m: 2 } as Known["resources"]);
    await settle();
    expect(board.checks.get()).toBe(checks);
  });

  it("that gets too old is seen at once, though nothing happens", async () => {
    allIsWell();
    await clock.advance(300_000);
    expect(check("control-plane-view")?.state).toBe("ok");
    await clock.advance(1);
    expect(check("control-plane-view")?.state).toBe("failed");
    expect(check("control-plane-view")?.sinceMs).toBe(clock.now().wallMs);
  });

  it("with other words is told anew, and is no turn", async () => {
    allIsWell();
    await settle();
    board.cache.set({ at: "failed", because: "no device" });
    await settle();
    logged.length = 0;
    board.cache.set({ at: "failed", because: "no key" });
    await settle();
    expect(check("cache-volume")?.message).toContain("no key");
    expect(logged).toEqual([]);
  });

  it.each<[keyof Known, Partial<Known>, where?: Partial<Known>]>([
    ["gateway", { gateway: { at: "away", runId: "" } }],
    ["certificates", { certificates: { machineNotAfterMs: 0, lastRenewalError: "" } }],
    ["plane", { plane: { ...WELL.plane, attached: false, lastFailure: "gone" } }],
    ["desired", { desired: undefined }],
    ["cache", { cache: { at: "failed", because: "no device" } }],
    ["cacheFilesystem", { cacheFilesystem: { at: "unknown" } }],
    ["network", { network: { at: "failed", because: "no bridge" } }],
    ["isolation", { isolation: { at: "failed", because: "no probe" } }, { network: { at: "waiting" } }],
    ["tailnet", { tailnet: { at: "failed", grantId: "t", because: "no key" } }],
    ["buildkit", { buildkit: { ...WELL.buildkit, at: "stopped" } }],
    ["resources", { resources: FULL }],
    ["relief", { relief: { at: "pruning", message: "the cache is being pruned" } }],
    ["units", { units: { at: "unseen", because: "no bus" } }],
    ["records", { records: { waiting: 0, dropped: 1 } }],
    ["bundles", { bundles: undefined }],
    ["recordings", { recordings: undefined }],
    ["runtime", { runtime: undefined }],
    ["refusals", { refusals: undefined }],
  ])("is judged anew at once after a change of %s", async (name, change, where = {}) => {
    allIsWell();
    for (const [other, value] of Object.entries(where)) set(other as keyof Known, value);
    await settle();
    const before = board.checks.get();
    set(name, change[name]);
    await settle();
    expect(board.checks.get()).not.toBe(before);
  });
});
