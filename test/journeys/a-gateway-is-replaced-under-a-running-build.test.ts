import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { sharedStage } from "./stage/shared-stage.ts";

const stage = sharedStage();

it("by a SIGUSR2 to the launcher: that build finishes in the old one, the next in the new one, each has its record", async () => {
  const { log } = stage();
  const [first, second] = [await stage().openBuild(), await stage().openBuild()];
  const before = { port: await stage().port(), buildkitd: await stage().pid("buildkitd") };
  const old = await stage().pid("gateway");
  await using held = await stage().holdBuild(first);
  const replaced = log.next("gateway.replaced");
  await stage().kill("launcher", "SIGUSR2");
  expect((await replaced).data).toMatchObject({ openSessions: 1 });
  await using next = await stage().holdBuild(second);
  await next.finish();

  expect(await log.last("launcher.child-exited", ({ data }) => data["childPid"] === old)).toBeUndefined();
  const exited = log.next("launcher.child-exited", ({ data }) => data["childPid"] === old);
  const finished = log.next("gateway.finished");
  await held.finish();
  expect((await exited).data).toMatchObject({ child: "gateway", code: 0 });
  await finished;
  for (const build of [first, second]) {
    const records = await stage().untilRecords(build);
    expect(new Set(records.map(({ ending }) => ending))).toEqual(new Set([SessionEnding.CLIENT_CLOSED]));
  }
  expect({ port: await stage().port(), buildkitd: await stage().pid("buildkitd") }).toEqual(before);
  const { body } = await stage().health("/metrics");
  expect(body).toContain('builder_agent_restarts_total{process="gateway"} 0\n');
});
