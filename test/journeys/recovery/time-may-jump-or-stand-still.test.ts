import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { SessionEnding } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { report } from "../causes/stage/report.ts";
import { eventually } from "../stage/eventually.ts";
import { sharedStage } from "../stage/shared-stage.ts";
import { allIsWell } from "./stage/all-is-well.ts";

const HOUR_MS = 3_600_000;
/** Who stands still when a VM does. */
const ALL = ["launcher", "gateway", "control", "buildkitd"] as const;
const SUSPENDED_MS = 4_000;

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

it("a machine that was suspended attaches again, lets open builds finish, cuts what ended or expired meanwhile, and builds; each session is on record once", async () => {
  const { plane, log } = stage();
  const [open, ends, expires] = [await stage().openBuild(), await stage().openBuild(), await stage().openBuild()];
  await using goesOn = await stage().holdBuild(open);
  await using ended = await stage().holdBuild(ends);
  await using expired = await stage().holdBuild(expires);
  const { attaches } = stage().machine;
  await plane.extendBuild(expires.buildId, new Date(Date.now() + SUSPENDED_MS / 2)).applied();

  for (const name of ALL) await stage().kill(name, "SIGSTOP");
  // Nobody answers: the network gives up on its connections.
  plane.transport.cutConnections();
  plane.endBuild(ends.buildId);
  await sleep(SUSPENDED_MS);
  for (const name of ALL) await stage().kill(name, "SIGCONT");

  await plane.until(() => stage().machine.attaches > attaches, { what: "control to attach again" });
  for (const over of [ended, expired]) {
    expect((await over.client.ended).exitCode).not.toBe(0);
    await over.stepGone();
  }
  expect((await stage().untilRecords(ends))[0]?.ending).toBe(SessionEnding.BUILD_ENDED);
  expect((await stage().untilRecords(expires))[0]?.ending).toBe(SessionEnding.GRANT_EXPIRED);
  await goesOn.finish();
  await eventually("readyz is 200", async () => (await stage().health("/readyz")).status === 200);
  await using next = await stage().holdBuild(await stage().openBuild());
  await next.finish();

  await allIsWell(stage());
  // What stands still is not ended for it.
  expect(await log.all("launcher.child-restarting")).toEqual([]);
});

it.each([
  { which: "behind", offsetMs: 3 * HOUR_MS, says: /3 h 0 min behind/ },
  { which: "ahead", offsetMs: -3 * HOUR_MS, says: /3 h 0 min ahead/ },
])(
  "a machine that is suddenly hours $which keeps open builds, says so, and builds again once the clocks agree",
  async ({ offsetMs, says }) => {
    const { plane } = stage();
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
    await allIsWell(stage());
    // One each way at most: renewals are ten minutes apart.
    expect(stage().machine.renewals - renewals).toBeLessThanOrEqual(1);
  },
);
