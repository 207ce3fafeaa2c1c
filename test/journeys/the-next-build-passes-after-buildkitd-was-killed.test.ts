import { expect, it } from "vitest";
import { eventually } from "./stage/eventually.ts";
import { sharedStage } from "./stage/shared-stage.ts";

const stage = sharedStage();

it("fails the build, is told by readyz and counted, and starts again for the next", async () => {
  const { log, plane } = stage();
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  expect(await stage().health("/readyz")).toMatchObject({ status: 200 });

  const [exited, failed] = [
    log.next("buildkit.exited"),
    log.next("check.failed", ({ data }) => data["check"] === "buildkit"),
  ];
  await stage().kill("buildkitd");
  const unready = await eventually("readyz is 503", async () => {
    const answer = await stage().health("/readyz");
    return answer.status === 503 && answer;
  });
  expect(unready.body).toMatch(/\[-\]buildkit failed: (It ended: killed by SIGKILL|Starting)/);
  expect((await held.client.ended).exitCode).not.toBe(0);
  await held.stepGone();
  expect((await exited).data["kind"]).toBe("killed");
  expect((await failed).data["blocking"]).toBe(true);

  await eventually("readyz is 200 again", async () => (await stage().health("/readyz")).status === 200);
  await plane.until(() => stage().machine.observed?.buildkit?.restarts === 1, { what: "the restart to be told" });
  expect(await stage().health("/metrics")).toMatchObject({
    body: expect.stringContaining('builder_agent_restarts_total{process="buildkitd"} 1\n') as string,
  });
  await using next = await stage().holdBuild(await stage().openBuild());
  await next.finish();
});
