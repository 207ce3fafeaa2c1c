import { expect, it } from "vitest";
import { sharedStage } from "./stage/shared-stage.ts";

const stage = sharedStage();

it("goes on and finishes while control is killed and comes back as the same machine; each session is on record once", async () => {
  const { log, plane } = stage();
  const before = {
    machineId: stage().machine.id,
    gateway: await stage().pid("gateway"),
    buildkitd: await stage().pid("buildkitd"),
  };
  const [short, long] = [await stage().openBuild(), await stage().openBuild()];
  await using endsMeanwhile = await stage().holdBuild(short);
  await using endsAfter = await stage().holdBuild(long);

  const recalled = log.next("identity.recalled");
  await stage().kill("control");
  await endsMeanwhile.finish();
  expect((await recalled).data["machineId"]).toBe(before.machineId);
  await plane.until(() => stage().machine.attaches === 2, { what: "control to attach again" });
  expect(await endsAfter.isStepRunning()).toBe(true);
  await endsAfter.finish();

  await stage().untilRecords(short);
  await stage().untilRecords(long);
  const sessions = (await log.all("session.closed")).map(({ data }) => String(data["sessionId"]));
  await plane.until(() => plane.records().length >= sessions.length, { what: "every record" });
  const recorded = plane.records().map(({ sessionId }) => sessionId);
  expect(recorded).toHaveLength(sessions.length);
  expect(new Set(recorded)).toEqual(new Set(sessions));
  expect(await log.all("identity.registered")).toHaveLength(1);
  expect({
    machineId: stage().machine.id,
    gateway: await stage().pid("gateway"),
    buildkitd: await stage().pid("buildkitd"),
  }).toEqual(before);
  const { body } = await stage().health("/metrics");
  expect(body).toContain('builder_agent_restarts_total{process="control"} 1\n');
  // Both run as they did: what a new control finds is not started again.
  for (const untouched of ["buildkitd", "gateway"])
    expect(body).toContain(`builder_agent_restarts_total{process="${untouched}"} 0\n`);
});

it("lets a build open further connections, and another build in, after control came back", async () => {
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  const attaches = stage().machine.attaches;
  await stage().kill("control");
  // The gateway decides by itself while control is away.
  expect((await stage().askWorkers(build)).exitCode).toBe(0);
  await stage().plane.until(() => stage().machine.attaches > attaches, { what: "control to attach again" });
  const another = await stage().openBuild();
  expect((await stage().askWorkers(another)).exitCode).toBe(0);
  await stage().plane.endBuild(another.buildId).applied();
  expect((await stage().askWorkers(another)).exitCode).not.toBe(0);
  await held.finish();
  await stage().untilRecords(build, 2);
});
