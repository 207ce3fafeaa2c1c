import { expect, it } from "vitest";
import { eventually } from "./stage/eventually.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

it("that is down at boot: it lives, is not ready and says why, keeps trying, and becomes ready without help", async () => {
  await using stage = await Stage.up({
    prepare: (plane) => plane.transport.stopListening(),
    awaitReady: false,
    // Which tells each try.
    logLevel: "debug",
  });
  await eventually(
    "control has failed twice",
    async () => (await stage.log.all("identity.registration-failed")).length >= 2,
  );
  expect(await stage.health("/livez")).toMatchObject({ status: 200 });
  const { status, body } = await stage.health("/readyz");
  expect(status).toBe(503);
  for (const reason of [
    "[-]machine-certificate failed: Not registered with the control plane yet: The control plane did not answer GetChallenge: the connection was refused",
    "[-]control-plane failed, because of machine-certificate: Nothing heard from 127.0.0.1:",
    "[-]buildkit failed, because of machine-certificate",
  ])
    expect(body).toContain(reason);

  await stage.plane.transport.listenAgain();
  await stage.ready();
  expect(await stage.health("/readyz")).toEqual({ status: 200, body: "ok\n" });
  await using held = await stage.holdBuild(await stage.openBuild());
  await held.finish();
});

it("that is lost during a build: the build finishes, may connect again, and its records are told later", async () => {
  await using stage = await Stage.up();
  const build = await stage.openBuild();
  await using held = await stage.holdBuild(build);
  const detached = stage.log.next("control-plane.detached");
  stage.plane.transport.stopListening();
  stage.plane.transport.cutConnections();
  await detached;
  expect(await stage.health("/readyz")).toMatchObject({ status: 200 });
  const told = await stage.health("/readyz/control-plane");
  expect(told.status).toBe(200);
  expect(told.body).toMatch(
    /^\[!\]control-plane failed, not blocking: .*Open builds go on; new ones are refused from /,
  );

  expect((await stage.askWorkers(build)).exitCode).toBe(0);
  await held.finish();
  await eventually("both sessions are over", async () => (await stage.log.all("session.closed")).length === 2);
  expect(stage.recordsOf(build)).toEqual([]);

  await stage.plane.transport.listenAgain();
  const records = await stage.untilRecords(build, 2);
  expect(records.map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  await stage.plane.endBuild(build.buildId).applied();
  expect((await stage.askWorkers(build)).exitCode).not.toBe(0);
});
