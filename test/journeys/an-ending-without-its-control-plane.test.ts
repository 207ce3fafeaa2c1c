import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

it("a machine whose control plane is away ends with exit code 0, is not called drained, and delivers its records when it starts again", async () => {
  await using stage = await Stage.up({ drainGraceMs: 1_000 });
  const build = await stage.openBuild();
  await using scope = new Scope();
  scope.own(await stage.holdBuild(build));
  const away = new Refusal(status.UNAVAILABLE, "away for a while");
  stage.plane.faults.answer("attach", away);
  stage.machine.link?.end(away);
  await stage.log.until("control-plane.detached");

  const { exitCode, said } = await stage.ask("drain", ["--reason", "power"]);
  expect(said).toMatch(/not drained after .*\n {2}1 session record is not acknowledged by the control plane/);
  expect(exitCode).toBe(1);
  expect(await stage.ended()).toEqual({ code: 0, signal: null });
  expect((await stage.log.last("agent.not-drained"))?.data["undone"]).toHaveLength(1);
  expect(await stage.log.last("agent.drained")).toBeUndefined();
  expect(stage.recordsOf(build)).toEqual([]);

  stage.plane.endBuild(build.buildId);
  stage.plane.faults.answer("attach", undefined);
  await stage.startAgain();
  expect((await stage.untilRecords(build)).map((record) => record.ending)).toEqual([SessionEnding.DRAIN_DEADLINE]);
});
