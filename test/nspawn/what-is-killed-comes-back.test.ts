import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const [GATEWAY, CONTROL] = ["builder-agent-gateway.service", "builder-agent-control.service"] as const;

async function kill(unit: string, signal = "KILL", whom: "main" | "all" = "main"): Promise<void> {
  await machine().container.run("systemctl", ["kill", `--kill-whom=${whom}`, `--signal=${signal}`, unit]);
}

/** Resolves when the unit runs again, as another process. */
async function backAgain(unit: string, before: number): Promise<void> {
  await eventually(`${unit} is back`, async () => {
    const now = await machine().container.show(unit, "ActiveState", "NRestarts");
    return now.ActiveState === "active" && Number(now.NRestarts) > before;
  });
}

async function restarts(unit: string): Promise<number> {
  return Number((await machine().container.show(unit, "NRestarts")).NRestarts);
}

async function buildkitPid(): Promise<string> {
  return (await machine().container.show("buildkitd.service", "MainPID")).MainPID;
}

it("a build does not notice that control is killed, and control takes the daemon over as it is", async () => {
  const before = [await restarts(CONTROL), await buildkitPid()] as const;
  await using held = await machine().holdBuild();
  await kill(CONTROL);
  await backAgain(CONTROL, before[0]);
  await machine().readyAgain();
  await held.finish();
  expect(await buildkitPid()).toBe(before[1]);
});

it("a killed gateway is back on its port, and the builder goes on", async () => {
  const before = [await restarts(GATEWAY), await buildkitPid()] as const;
  await kill(GATEWAY);
  await backAgain(GATEWAY, before[0]);
  await machine().readyAgain();
  expect(await machine().buildOnce("after-the-gateway")).toBe("after-the-gateway");
  expect(await buildkitPid()).toBe(before[1]);
});

it("the next build passes after buildkitd was killed with a build in it, whose step is gone at once", async () => {
  const before = await buildkitPid();
  {
    await using held = await machine().holdBuild();
    await kill("buildkitd.service");
    await held.stepGone();
  }
  await eventually("another buildkitd", async () => !["0", before].includes(await buildkitPid()));
  await machine().readyAgain();
  expect(await machine().buildOnce("after-buildkitd")).toBe("after-buildkitd");
  const exited = await machine().untilEntry(CONTROL, "buildkit.exited");
  expect(exited.data).toMatchObject({ kind: "killed" });
});

it("a step whose runc was killed, as for want of memory, is ended with its build", async () => {
  await using held = await machine().holdBuild();
  await machine().container.run("pkill", ["--signal=KILL", "--exact", "runc"]);
  await held.stepGone();
  expect(await machine().buildOnce("after-runc")).toBe("after-runc");
});

it("a gateway and a control that hang are ended by the watchdog, and come back", { timeout: 120_000 }, async () => {
  const units = [GATEWAY, CONTROL];
  const before = await Promise.all(units.map(restarts));
  for (const unit of units) await kill(unit, "STOP", "all");
  await Promise.all(
    units.map((unit, at) =>
      eventually(
        `the watchdog ends ${unit}`,
        async () => (await restarts(unit)) > (before[at] ?? 0),
        // WatchdogSec=30s from the last sign of life, and time to end and to start.
        60_000,
      ),
    ),
  );
  for (const unit of units)
    expect((await machine().entries(unit)).some(({ event }) => event.includes("Watchdog timeout"))).toBe(true);
  await machine().readyAgain();
  expect(await machine().buildOnce("after-the-watchdog")).toBe("after-the-watchdog");
});

interface Check {
  readonly name: string;
  readonly state: string;
  readonly blocking: boolean;
  readonly message: string;
  readonly remedy: string;
}

/** What a check says, once it is in that state and says something like it. */
function says(name: string, state: string, words: RegExp, withinMs: number): Promise<Check> {
  let last: Check | undefined;
  return eventually(
    `${name} is ${state}: ${String(words)}`,
    async () => {
      const said = await machine().container.run("sh", ["-c", "builder-agent status --json || true"]);
      // Our own command's.
      const { checks } = JSON.parse(said) as { readonly checks: readonly Check[] };
      last = checks.find((check) => check.name === name);
      return last?.state === state && words.test(last.message) && last;
    },
    withinMs,
  ).catch((cause: unknown) => {
    throw new Error(`${name} says: ${JSON.stringify(last)}`, { cause });
  });
}

/** From a cause to its name, and to being well again. */
const TOLD_MS = 10_000;
const SETTLED_MS = 30_000;

it("the cache takes a write again and again, and what somebody mounts over it is told", async () => {
  const { container } = machine();
  await says("cache-filesystem", "ok", /^Takes writes \(/, SETTLED_MS);
  await container.run("mount", ["-t", "tmpfs", "somebody", "/var/lib/builder-agent/cache"]);
  const { blocking } = await says("cache-filesystem", "failed", /^somebody \(tmpfs\) lies over the cache/, TOLD_MS);
  expect(blocking).toBe(true);
  await container.run("umount", ["/var/lib/builder-agent/cache"]);
  await machine().readyAgain();
  expect(await machine().buildOnce("uncovered")).toBe("uncovered");
});

it("nobody who tries writes to the cache is missed in silence, and no build for it", async () => {
  const watch = "builder-agent-cache-watch.service";
  await machine().container.run("systemctl", ["stop", watch]);
  const down = await says("units", "failed", /builder-agent-cache-watch\.service is not up/, TOLD_MS);
  expect(down.remedy).toBe(`systemctl start ${watch}`);
  const untried = await says("cache-filesystem", "unknown", /nobody tries/, 20_000);
  expect([untried.blocking, untried.remedy]).toEqual([false, `systemctl start ${watch}`]);
  expect(await machine().buildOnce("untried")).toBe("untried");
  await machine().container.run("systemctl", ["start", watch]);
  await says("cache-filesystem", "ok", /^Takes writes \(/, SETTLED_MS);
  await says("units", "ok", /units are as they are made/, SETTLED_MS);
});

it("a unit that is masked, or confined less by a drop-in, is told with the file that does it, until it is reverted", async () => {
  const { container } = machine();
  await says("units", "ok", /units are as they are made/, SETTLED_MS);
  const dropIn = "/etc/systemd/system/buildkitd.service.d/50-somebody.conf";
  await container.run("sh", [
    "-c",
    `mkdir -p "$(dirname ${dropIn})" && printf '[Service]\nProtectKernelModules=no\n' >${dropIn}`,
  ]);
  await says("units", "failed", /buildkitd\.service has changed on disk, which is not in force/, TOLD_MS);
  await container.run("systemctl", ["daemon-reload"]);
  const looser = await says(
    "units",
    "failed",
    /buildkitd\.service is confined less .*ProtectKernelModules=no, not yes/,
    TOLD_MS,
  );
  expect(looser.message).toContain(dropIn);
  expect(looser.remedy).toContain("systemctl revert buildkitd.service");
  expect(await container.run("sh", ["-c", "builder-agent doctor || true"])).toContain(
    "ProtectKernelModules=no, not yes",
  );
  await container.run("systemctl", ["revert", "buildkitd.service"]);
  await says("units", "ok", /units are as they are made/, SETTLED_MS);
  await container.run("systemctl", ["mask", GATEWAY]);
  await says("units", "failed", /builder-agent-gateway\.service is masked/, TOLD_MS);
  await container.run("systemctl", ["unmask", GATEWAY]);
  await says("units", "ok", /units are as they are made/, SETTLED_MS);
});

it("a unit that comes back again and again is told as such", async () => {
  const before = await restarts(GATEWAY);
  for (let at = before; at < before + 3; at += 1) {
    await kill(GATEWAY);
    await backAgain(GATEWAY, at);
  }
  const loop = await says(
    "units",
    "failed",
    /builder-agent-gateway\.service was started again \d+ times within 5 min/,
    TOLD_MS,
  );
  expect(loop.blocking).toBe(false);
  await machine().readyAgain();
});

it("a machine that the control plane refuses does not try again", async () => {
  const before = await restarts(CONTROL);
  for (const { id, link } of machine().plane.machines()) if (link !== undefined) machine().plane.refuseMachine(id);
  await eventually("control has ended", async () => {
    const { ActiveState } = await machine().container.show(CONTROL, "ActiveState");
    return ActiveState === "failed";
  });
  const { ExecMainStatus, NRestarts } = await machine().container.show(CONTROL, "ExecMainStatus", "NRestarts");
  expect([ExecMainStatus, Number(NRestarts)]).toEqual(["77", before]);
  const { ActiveState } = await machine().container.show("buildkitd.service", "ActiveState");
  expect(ActiveState).toBe("inactive");
});
