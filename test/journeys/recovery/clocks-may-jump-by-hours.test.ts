import { afterEach, expect, it } from "vitest";
import { report } from "../causes/stage/report.ts";
import { eventually } from "../stage/eventually.ts";
import { sharedStage } from "../stage/shared-stage.ts";

const HOUR_MS = 3_600_000;

/** Of a machine and its control plane one jumps: by what it sees it cannot know which. */
const stage = sharedStage({ plane: { heartbeatMs: 1_000 } });

afterEach(() => {
  stage().plane.clock.offsetMs = 0;
});

async function clockIs(ok: boolean, says: RegExp): Promise<void> {
  let last: unknown;
  await eventually(`the clock is ${ok ? "well" : "told"}: ${String(says)}`, async () => {
    const told = await report(stage());
    const clock = told?.checks.find(({ name }) => name === "clock");
    last = clock;
    return clock?.ok === ok && says.test(clock.message);
  }).catch((cause: unknown) => {
    throw new Error(`The check says ${JSON.stringify(last)}`, { cause });
  });
}

it.each([
  { which: "behind", offsetMs: 3 * HOUR_MS, says: /3 h 0 min behind/ },
  { which: "ahead", offsetMs: -3 * HOUR_MS, says: /3 h 0 min ahead/ },
])(
  "a machine that is suddenly hours $which keeps open builds, says so, and builds again once the clocks agree",
  async ({ offsetMs, says }) => {
    const { plane, log } = stage();
    const build = await stage().openBuild();
    await using held = await stage().holdBuild(build);
    const { renewals } = stage().machine;

    plane.clock.offsetMs = offsetMs;
    await clockIs(false, says);
    expect(await held.isStepRunning()).toBe(true);
    expect((await stage().askWorkers(build)).exitCode).toBe(0);
    plane.clock.offsetMs = 0;

    await clockIs(true, /Within 1 s/);
    await eventually("readyz is 200", async () => (await stage().health("/readyz")).status === 200);
    await using next = await stage().holdBuild(await stage().openBuild());
    await next.finish();
    await held.finish();
    expect(await log.all("identity.registered")).toHaveLength(1);
    // One each way at most: renewals are ten minutes apart.
    expect(stage().machine.renewals - renewals).toBeLessThanOrEqual(1);
  },
);
