import { describe, expect, it } from "vitest";
import { Phase, SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { NoticeStage } from "../notices/stage.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

const GRACE_MS = 600_000;

async function machineOn(platform: "aws" | "azure", clouds: NoticeStage): Promise<Stage> {
  const { awsMetadataUrl, azureMetadataUrl } = clouds.places;
  return Stage.up({
    drainGraceMs: GRACE_MS,
    config: { notices: { platform }, identity: { awsMetadataUrl, azureMetadataUrl } },
  });
}

describe("what the platform announces", () => {
  it("is told to the control plane at once, and ends the machine before the platform does", async () => {
    await using clouds = await NoticeStage.open();
    await using stage = await machineOn("azure", clouds);
    const open = await stage.openBuild();
    await using held = await stage.holdBuild(open);
    const noticeMs = 16_000;
    const dueMs = Date.now() + noticeMs;
    clouds.notices.announce({ notice: "preempt", inMs: noticeMs });
    const { machine } = stage;
    const draining = () => (machine.observed?.phase === Phase.DRAINING ? machine.observed : undefined);
    const told = await stage.plane.until(draining, { what: "the drain to be told", deadlineMs: 5_000 });
    expect(told.phaseReason).toMatch(/^Azure takes this spot machine back from 20/);
    expect(told.platformNotices).toMatchObject([{ platform: "azure", kind: "preempt", endsMachine: true }]);
    expect(await held.isStepRunning()).toBe(true);
    expect((await held.client.ended).exitCode).not.toBe(0);
    expect(await stage.ended()).toEqual({ code: 0, signal: null });
    expect(Date.now()).toBeLessThan(dueMs);
    expect((await stage.log.until("ending.step", ({ data }) => data["step"] === "cache")).data["ended"]).toBe("done");
    expect(stage.recordsOf(open).map(({ ending }) => ending)).toEqual([SessionEnding.DRAIN_DEADLINE]);
    expect(clouds.notices.list()).toEqual([expect.stringMatching(/^preempt of builder-1: Started/)]);
  });

  it("is told and cuts nothing, where it ends nothing", async () => {
    await using clouds = await NoticeStage.open();
    await using stage = await machineOn("aws", clouds);
    const open = await stage.openBuild();
    await using held = await stage.holdBuild(open);
    clouds.notices.announce({ notice: "rebalance" });
    clouds.notices.announce({ notice: "maintenance" });
    const told = (): boolean =>
      stage.machine.observed?.platformNotices.some(({ kind }) => kind === "rebalance") ?? false;
    await stage.plane.until(told, { what: "the rebalance recommendation to be told", deadlineMs: 20_000 });
    expect(stage.machine.observed?.phase).toBe(Phase.READY);
    expect(stage.machine.observed?.conditions).toContainEqual(
      expect.objectContaining({ name: "provider-notices", ok: false, blocking: false }),
    );
    await held.finish();
    await using next = await stage.holdBuild(await stage.openBuild());
    await next.finish();
  });
});
