import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { SessionEnding } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { eventually } from "../stage/eventually.ts";
import { sharedStage } from "../stage/shared-stage.ts";

const stage = sharedStage({ plane: { heartbeatMs: 1_000 } });

/** Who stands still when a VM does. */
const ALL = ["launcher", "gateway", "control", "buildkitd"] as const;
const SUSPENDED_MS = 4_000;

it("attaches again, lets open builds finish, cuts what ended or expired meanwhile, and builds; each session is on record once", async () => {
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

  const sessions = (await log.all("session.closed")).map(({ data }) => String(data["sessionId"]));
  await plane.until(() => plane.records().length >= sessions.length, { what: "every record" });
  expect(
    plane
      .records()
      .map(({ sessionId }) => sessionId)
      .toSorted(),
  ).toEqual(sessions.toSorted());
  expect(await log.all("identity.registered")).toHaveLength(1);
  // What stands still is not ended for it.
  expect(await log.all("launcher.child-restarting")).toEqual([]);
});
