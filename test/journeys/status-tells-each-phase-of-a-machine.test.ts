import { expect, it } from "vitest";
import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

/** What an operator sees, and what a script reads, at the same time. */
async function statusOf(stage: Stage) {
  const [shown, printed] = await Promise.all([stage.status(), stage.status(["--json"])]);
  return { shown, code: printed.exitCode, report: JSON.parse(printed.said) as Record<string, unknown> };
}

it("starting, ready, degraded, draining, gone: to a person in words, to a script in JSON and by its exit code", async () => {
  await using stage = await Stage.up({ prepare: ({ transport }) => transport.stopListening(), awaitReady: false });
  await stage.log.until("identity.registration-failed");
  const starting = await statusOf(stage);
  expect(starting).toMatchObject({ code: 1, report: { schemaVersion: 1, ready: false, phase: { at: "starting" } } });
  expect(starting.shown.exitCode).toBe(1);
  expect(starting.shown.said).toMatch(/^not ready\n/);
  expect(starting.shown.said).toMatch(/^ {2}machine-certificate: Not registered with the control plane yet: /m);

  await stage.plane.transport.listenAgain();
  await stage.ready();
  const ready = await statusOf(stage);
  expect(ready).toMatchObject({ code: 0, report: { ready: true, notReadyBecause: [], phase: { at: "ready" } } });
  expect(ready.shown.exitCode).toBe(0);
  expect(ready.shown.said).toMatch(/^ready\n/);
  expect(ready.shown.said).toMatch(/^BuildKit +.*v?\d+\.\d+/m);
  expect(ready.shown.said).toMatch(/^\[\+\] {2}buildkit +Answers ListWorkers$/m);

  await stage.kill("buildkitd", "SIGSTOP");
  await stage.plane.until(() => stage.machine.observed?.phase === Phase.DEGRADED, { deadlineMs: 60_000 });
  const degraded = await statusOf(stage);
  expect(degraded).toMatchObject({
    code: 1,
    report: { ready: false, phase: { at: "degraded", because: ["buildkit", "buildkit-solve"] } },
  });
  expect(degraded.shown.said).toMatch(/^\[-\] {2}buildkit +.*did not answer ListWorkers.* \(for \d+ s\)$/m);
  await stage.kill("buildkitd", "SIGCONT");
  await stage.ready();

  const build = await stage.openBuild();
  await using held = await stage.holdBuild(build);
  await stage.plane.drain(REF, { reason: "rolling update", graceMs: 600_000 }).applied();
  await stage.plane.until(() => stage.machine.observed?.phase === Phase.DRAINING);
  const draining = await statusOf(stage);
  expect(draining).toMatchObject({
    code: 1,
    report: {
      notReadyBecause: ["draining: rolling update"],
      phase: { at: "draining" },
      builds: { [build.buildId]: 1 },
    },
  });
  expect(draining.shown.said).toMatch(/^ {2}draining: rolling update$/m);
  expect(draining.shown.said).toMatch(new RegExp(`^sessions +${build.buildId}$`, "m"));

  await held.finish();
  expect((await stage.ended()).code).toBe(0);
  expect(await stage.status()).toMatchObject({
    exitCode: 69,
    said: expect.stringMatching(/Nothing listens at/) as string,
  });
});
