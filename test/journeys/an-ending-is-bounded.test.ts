import { describe, expect, it } from "vitest";
import { Phase, SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

const GRACE_MS = 600_000;

needsStage();

describe("a build that does not finish is cut, and the rest of the order is kept,", () => {
  it.each([
    {
      when: "at the deadline of a drain",
      ask: async ({ plane }: Stage) => plane.drain(REF, { reason: "interruption notice", graceMs: 1_000 }).applied(),
    },
    {
      when: "at the second SIGTERM",
      ask: async (stage: Stage) => {
        await stage.kill("launcher", "SIGTERM");
        await stage.log.until("agent.draining");
        await stage.kill("launcher", "SIGTERM");
      },
    },
  ])("$when", async ({ ask }) => {
    await using stage = await Stage.up({ drainGraceMs: GRACE_MS });
    const open = await stage.openBuild();
    await using held = await stage.holdBuild(open);
    await ask(stage);
    expect((await held.client.ended).exitCode).not.toBe(0);
    await held.stepGone();
    expect(await stage.ended()).toEqual({ code: 0, signal: null });
    expect(stage.recordsOf(open).map((record) => record.ending)).toEqual([SessionEnding.DRAIN_DEADLINE]);
    expect(stage.machine.observed?.phase).toBe(Phase.STOPPING);
    expect((await stage.log.until("buildkit.stopped")).data["wasKilled"]).toBe(false);
  });
});
