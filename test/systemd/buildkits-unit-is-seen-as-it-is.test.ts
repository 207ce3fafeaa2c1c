import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { type BuildkitRun, buildkitRun, UNKNOWN_RUN } from "../../agent/adapters/systemd/buildkit-run.ts";
import { systemdBuildkit } from "../../agent/adapters/systemd/buildkit-unit.ts";
import { BUILDS_SLICE, OWN_UNIT } from "../../agent/adapters/systemd/unit-names.ts";
import type { BuildkitUnit, UnitStatus } from "../../agent/ports/buildkit.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { standIn } from "./stand-in.ts";

const UNIT = "buildkitd.service";
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const systemd = standIn();

/** As systemd tells of a run that began at 1,000 µs, under this invocation. */
const BEGAN = { InactiveExitTimestampMonotonic: "1000", InvocationID: "run-1" };
const RUNNING = { ...BEGAN, ActiveState: "active", MainPID: "42" };
const ENDED = { ...BEGAN, ActiveState: "failed", MainPID: "0", ExecMainExitTimestampMonotonic: "2000" };

it.each<readonly [string, Partial<typeof UNKNOWN_RUN>, BuildkitRun]>([
  ["never started", { ActiveState: "inactive" }, { at: "none" }],
  ["being prepared", { ...BEGAN, ActiveState: "activating" }, { at: "between" }],
  ["coming up", { ...RUNNING, ActiveState: "activating" }, { at: "up", pid: 42, invocationId: "run-1" }],
  ["running", RUNNING, { at: "up", pid: 42, invocationId: "run-1" }],
  ["being stopped", { ...RUNNING, ActiveState: "deactivating" }, { at: "between" }],
  [
    "killed",
    { ...ENDED, ExecMainCode: "2", ExecMainStatus: "9" },
    { at: "over", how: { signal: "SIGKILL" }, invocationId: "run-1" },
  ],
  [
    "dumped",
    { ...ENDED, ExecMainCode: "3", ExecMainStatus: "6" },
    { at: "over", how: { signal: "SIGABRT" }, invocationId: "run-1" },
  ],
  [
    "failed",
    { ...ENDED, ExecMainCode: "1", ExecMainStatus: "1" },
    { at: "over", how: { code: 1 }, invocationId: "run-1" },
  ],
  [
    "stopped in good order",
    { ...ENDED, ActiveState: "inactive", ExecMainCode: "1", ExecMainStatus: "0" },
    { at: "over", how: { code: 0 }, invocationId: "run-1" },
  ],
  [
    "kept from starting, after a run that ended",
    { ...ENDED, InactiveExitTimestampMonotonic: "3000", ExecMainCode: "2", ExecMainStatus: "9" },
    { at: "none" },
  ],
])("a unit that is %s", (_, properties, run) => {
  expect(buildkitRun({ ...UNKNOWN_RUN, ...properties })).toEqual(run);
});

let dir: TempDir;
let unit: BuildkitUnit;
/** Empty: as on a machine without the unified hierarchy, unless a test makes one. */
let cgroupRoot: string;
const over = new AbortController();
beforeEach(async () => {
  dir = await TempDir.make("/tmp/proposal-");
  const proposalFile = join(dir.path, "buildkitd.toml");
  cgroupRoot = join(dir.path, "cgroup");
  unit = systemdBuildkit({ proposalFile, clock: systemClock(), log: SILENT, cgroupRoot });
  await systemd().shows(OWN_UNIT, { ActiveState: "active", Job: "" });
  await systemd().shows(UNIT, RUNNING);
});
afterEach(() => dir[Symbol.asyncDispose]());

it("proposes a configuration whole, for its group to read", async () => {
  await unit.configure("root = '/x'\n", over.signal);
  const file = join(dir.path, "buildkitd.toml");
  expect(await readFile(file, "utf8")).toBe("root = '/x'\n");
  expect((await stat(file)).mode & 0o777).toBe(0o640);
});

/** The statuses as they come, to be asked for one by one. */
async function* statuses(): AsyncGenerator<UnitStatus, void, undefined> {
  const watching = new AbortController();
  try {
    yield* unit.statuses(watching.signal);
  } finally {
    watching.abort();
  }
}

it("tells each state once, and how a daemon ended with its last words", async () => {
  const told = statuses();
  expect((await told.next()).value).toEqual({ at: "running", pid: 42 });
  await systemd().lastWords("one", "panic: two");
  await systemd().shows(UNIT, { ...ENDED, ExecMainCode: "1", ExecMainStatus: "2" });
  expect((await told.next()).value).toEqual({ at: "exited", exit: { code: 2, lastLines: ["one", "panic: two"] } });
  await systemd().shows(UNIT, { ...RUNNING, MainPID: "43", InvocationID: "run-2" });
  expect((await told.next()).value).toEqual({ at: "running", pid: 43 });
  await told.return();
});

/**
 * A process that stands for buildkitd, under a control group that stands for its own; and a clock
 * that says how often it was looked.
 */
async function running() {
  const group = join(cgroupRoot, BUILDS_SLICE, UNIT);
  await mkdir(group, { recursive: true });
  await writeFile(join(cgroupRoot, "cgroup.controllers"), "cpu memory\n");
  const daemon = spawn("sleep", ["600"], { stdio: "ignore" });
  const gone = once(daemon, "exit");
  let sleeps = 0;
  const clock = {
    ...systemClock(),
    sleep: (_ms: number, signal: AbortSignal) => {
      sleeps += 1;
      return systemClock().sleep(5, signal);
    },
  };
  await systemd().shows(UNIT, { ...RUNNING, MainPID: daemon.pid ?? 0 });
  unit = systemdBuildkit({ proposalFile: join(dir.path, "buildkitd.toml"), clock, log: SILENT, cgroupRoot });
  return {
    pid: daemon.pid,
    group,
    /** Resolves after many more seconds of the unit's clock. */
    async quiet(): Promise<void> {
      const until = sleeps + 50;
      await eventually("time passes", () => sleeps > until);
    },
    async [Symbol.asyncDispose]() {
      daemon.kill("SIGKILL");
      await gone;
    },
  };
}

it("starts no process while nothing changes, and tells the end of a daemon that somebody killed", async () => {
  const told = statuses();
  {
    await using daemon = await running();
    expect((await told.next()).value).toEqual({ at: "running", pid: daemon.pid });
    const next = told.next();
    await daemon.quiet();
    expect(await systemd().looks(UNIT)).toBe(1);
    await systemd().shows(UNIT, { ...ENDED, ExecMainCode: "2", ExecMainStatus: "9" });
    await daemon[Symbol.asyncDispose]();
    expect((await next).value).toEqual({ at: "exited", exit: { signal: "SIGKILL", lastLines: [] } });
  }
  const looks = await systemd().looks(UNIT);
  expect(looks).toBe(2);
  await told.return();
});

it("tells a daemon that somebody else started anew, or started again after its end", async () => {
  const told = statuses();
  await using daemon = await running();
  expect((await told.next()).value).toEqual({ at: "running", pid: daemon.pid });
  const replaced = told.next();
  await systemd().shows(UNIT, { ...RUNNING, MainPID: process.pid, InvocationID: "run-2" });
  await anotherGroup(daemon.group);
  expect((await replaced).value).toEqual({ at: "running", pid: process.pid });
  const ended = told.next();
  await systemd().shows(UNIT, { ...ENDED, InvocationID: "run-2", ExecMainCode: "1", ExecMainStatus: "1" });
  await rm(daemon.group, { recursive: true });
  expect((await ended).value).toMatchObject({ at: "exited" });
  const startedAgain = told.next();
  await daemon.quiet();
  await systemd().shows(UNIT, { ...RUNNING, MainPID: process.pid, InvocationID: "run-3" });
  await mkdir(daemon.group);
  expect((await startedAgain).value).toEqual({ at: "running", pid: process.pid });
  await told.return();
});

/** Another one is there before the first is gone: a file system may give the same number again. */
async function anotherGroup(path: string): Promise<void> {
  await mkdir(`${path}.new`);
  await rename(`${path}.new`, path);
}

it("tells an end that was asked for as a stop", async () => {
  const told = statuses();
  await told.next();
  await systemd().does("stop", `cat >${UNIT}.show <<'E'\n${lines({ ...ENDED, ActiveState: "inactive" })}\nE\n`);
  await unit.stop(10_000, over.signal);
  expect((await told.next()).value).toEqual({ at: "stopped" });
  expect(await systemd().asked()).toEqual([`stop ${UNIT}`]);
  await told.return();
});

it("kills a daemon that does not stop within its grace", async () => {
  await systemd().does("stop", "until [ -e killed ]; do sleep 0.02; done\n");
  await systemd().does("kill", "touch killed\n");
  await unit.stop(100, over.signal);
  expect(await systemd().asked()).toEqual([`stop ${UNIT}`, `kill ${UNIT} --signal=SIGKILL`]);
});

it("kills it at once when its asker is in a hurry", async () => {
  await systemd().does("stop", "until [ -e killed ]; do sleep 0.02; done\n");
  await systemd().does("kill", "touch killed\n");
  const hurry = new AbortController();
  const stopped = unit.stop(600_000, hurry.signal);
  setTimeout(() => hurry.abort(), 100);
  await stopped;
  expect(await systemd().asked()).toContain(`kill ${UNIT} --signal=SIGKILL`);
});

it("does not wait for a daemon that systemd stops after us", async () => {
  await systemd().shows(OWN_UNIT, { ActiveState: "deactivating", Job: "12" });
  await unit.stop(10_000, over.signal);
  expect(await systemd().asked()).toEqual([`stop ${UNIT} --no-block`]);
});

const JOB_FAILED = `echo "Job for ${UNIT} failed because the control process exited with error code." >&2; exit 1\n`;

it.each([
  { status: "code=exited ; status=78", code: "buildkit.config-refused", retryable: false },
  { status: "code=exited ; status=70", code: "buildkit.cannot-start", retryable: true },
])("a preparation that ends with $status is $code", async ({ status, code, retryable }) => {
  await systemd().does("start", JOB_FAILED);
  await systemd().lastWords("builder-agent: it is not TOML");
  const failed = { ...BEGAN, ActiveState: "failed", ExecStartPre: `{ path=/x/node ; argv[]=… ; ${status} }` };
  await systemd().shows(UNIT, failed);
  const starting = unit.start(over.signal);
  await expect(starting).rejects.toMatchObject({ code, retryable });
  await expect(starting).rejects.toThrow("it is not TOML");
});

it("leaves a daemon that came up and ended to its status", async () => {
  await systemd().does("start", JOB_FAILED);
  await systemd().shows(UNIT, { ...ENDED, ExecMainCode: "1", ExecMainStatus: "1", ExecStartPre: "status=0" });
  await expect(unit.start(over.signal)).resolves.toBeUndefined();
});

function lines(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
