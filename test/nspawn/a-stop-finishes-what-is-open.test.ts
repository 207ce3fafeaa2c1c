import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { REF } from "./stage/machine.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const CONTROL = "builder-agent-control.service";
/** In the order of their ending; the target last, so that who stopped it waits for all. */
const ORDER = [
  CONTROL,
  "buildkitd.service",
  "var-lib-builder\\x2dagent-cache.mount",
  "builder-agent-volume.service",
  "builder-agent.target",
] as const;

/** BuildKit is not even asked to stop while control drains. */
async function untilDraining(): Promise<void> {
  await eventually("control drains", async () => {
    const { StatusText, SubState } = await machine().container.show(CONTROL, "StatusText", "SubState");
    return SubState === "stop-sigterm" && /drain/i.test(StatusText);
  });
  expect(await machine().container.show("buildkitd.service", "ActiveState")).toEqual({ ActiveState: "active" });
}

it("systemctl stop lets an open build finish, then ends everything in order", { timeout: 120_000 }, async () => {
  await using held = await machine().holdBuild();
  const stopped = machine().container.run("systemctl", ["stop", "builder-agent.target"]);
  await untilDraining();
  expect(await held.isStepRunning()).toBe(true);
  const letGoAtMs = Date.now();
  await held.finish();
  machine().plane.endBuild(held.buildId);
  await stopped;
  console.log(`from the build's end to the target's: ${Date.now() - letGoAtMs} ms`);

  const ends = await Promise.all(
    ORDER.map(async (unit) => {
      const now = await machine().container.show(unit, "ActiveState", "InactiveEnterTimestampMonotonic");
      expect({ unit, at: now.ActiveState }).toEqual({ unit, at: "inactive" });
      return Number(now.InactiveEnterTimestampMonotonic);
    }),
  );
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  const gateway = await machine().container.show("builder-agent-gateway.service", "ActiveState", "Result");
  expect(gateway).toEqual({ ActiveState: "inactive", Result: "success" });
});

it("starts again, and builds", async () => {
  await machine().container.run("systemctl", ["start", "builder-agent.target"]);
  await machine().readyAgain();
  expect(await machine().buildOnce("again")).toBe("again");
});

it("a machine that is switched off lets an open build finish first", { timeout: 120_000 }, async () => {
  await using held = await machine().holdBuild();
  await machine().container.run("systemctl", ["poweroff", "--no-block"]);
  await untilDraining();
  await held.finish();
  machine().plane.endBuild(held.buildId);
  await machine().container.gone();
});

it("boots again, and builds", { timeout: 120_000 }, async () => {
  await machine().reboot();
  expect(await machine().buildOnce("after-the-night")).toBe("after-the-night");
});

it("a drain by the control plane ends control for good, and the cache with it", { timeout: 120_000 }, async () => {
  await machine()
    .plane.drain(REF, { reason: "a newer image", graceMs: 60_000 })
    .applied()
    .catch(() => undefined);
  await eventually("control has ended", async () => {
    const { ActiveState } = await machine().container.show(CONTROL, "ActiveState");
    return ActiveState === "inactive";
  });
  const { NRestarts, Result } = await machine().container.show(CONTROL, "NRestarts", "Result");
  expect([NRestarts, Result]).toEqual(["0", "success"]);
  for (const unit of ORDER.slice(1, -1))
    expect({ unit, ...(await machine().container.show(unit, "ActiveState")) }).toEqual({
      unit,
      ActiveState: "inactive",
    });
});
