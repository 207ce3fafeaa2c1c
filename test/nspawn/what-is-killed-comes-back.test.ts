import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const [GATEWAY, CONTROL] = ["builder-agent-gateway.service", "builder-agent-control.service"] as const;

async function kill(unit: string, signal = "KILL"): Promise<void> {
  await machine().container.run("systemctl", ["kill", "--kill-whom=main", `--signal=${signal}`, unit]);
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
  for (const unit of units) await kill(unit, "STOP");
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
