import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EndOrderSource, Phase, SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { eventually } from "./stage/eventually.ts";
import { expectRefused } from "./stage/refusals.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

const GRACE_MS = 60_000;

needsStage();

describe("when the end is asked for", () => {
  it.each([
    {
      by: "the control plane's drain",
      ask: async ({ plane }: Stage) => plane.drain(REF, { reason: "rolling update", graceMs: GRACE_MS }).applied(),
      reason: "rolling update",
      source: EndOrderSource.CONTROL_PLANE,
    },
    {
      by: "SIGTERM",
      ask: (stage: Stage) => stage.kill("launcher", "SIGTERM"),
      reason: "this machine was told to stop",
      source: EndOrderSource.SIGNAL,
    },
    {
      by: "an operator's drain",
      ask: async (stage: Stage) => {
        const { exitCode } = await stage.ask("drain", ["--deadline", "1m", "--reason", "kernel update", "--detach"]);
        expect(exitCode).toBe(0);
      },
      reason: `kernel update (${process.env["SUDO_USER"] ?? userInfo().username})`,
      source: EndOrderSource.OPERATOR,
    },
  ])("by $by, the open build finishes, a new one is refused, all is told, and the exit code is 0", async (ending) => {
    await using stage = await Stage.up({ drainGraceMs: GRACE_MS });
    const open = await stage.openBuild();
    await using held = await stage.holdBuild(open);
    const askedMs = Date.now();
    await ending.ask(stage);
    await stage.plane.until(() => stage.machine.observed?.phase === Phase.DRAINING, { what: "the drain to be told" });
    const { ending: told } = stage.machine.observed ?? {};
    expect(told).toMatchObject({ at: "draining", deadlineOf: ending.source, orders: [{ reason: ending.reason }] });
    const graceMs = (told?.deadline?.getTime() ?? 0) - askedMs;
    expect(graceMs).toBeGreaterThanOrEqual(GRACE_MS - 100);
    expect(graceMs).toBeLessThan(GRACE_MS + 10_000);
    const { status, body } = await stage.health("/readyz");
    expect(status).toBe(503);
    expect(body).toContain(`draining: ${ending.reason}`);

    await expect(stage.openBuild()).rejects.toThrow(`This machine is draining: ${ending.reason}`);
    // A control plane that hands the certificate out all the same has given nothing away.
    await expectRefused(stage, await stage.openUnasked(), "machine-draining");
    expect((await stage.askWorkers(open)).exitCode).toBe(0);
    await held.finish();

    expect(await stage.ended()).toEqual({ code: 0, signal: null });
    expect(stage.machine.observed).toMatchObject({ phase: Phase.STOPPING, phaseReason: ending.reason });
    const { steps = [] } = stage.machine.observed?.ending ?? {};
    expect(steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      ["draining", "cut", "records", "terminals", "buildkit", "cache", "tailnet"].map((name) => `${name} done`),
    );
    expect(await stage.log.last("agent.drained")).toBeDefined();
    expect(stage.recordsOf(open).map((record) => record.ending)).toEqual([
      SessionEnding.CLIENT_CLOSED,
      SessionEnding.CLIENT_CLOSED,
    ]);
  });
});

describe("a drain that was ordered", () => {
  it.each([
    {
      by: "an operator",
      ask: async (stage: Stage) => {
        const { exitCode } = await stage.ask("drain", ["--deadline", "1m", "--reason", "kernel update", "--detach"]);
        expect(exitCode).toBe(0);
      },
    },
    {
      by: "the control plane",
      ask: async ({ plane }: Stage) => plane.drain(REF, { reason: "rolling update", graceMs: GRACE_MS }).applied(),
    },
  ])(
    "by $by is not taken back by the end of control: no new build is let in, its deadline stays, and it ends with 0",
    async ({ ask }) => {
      await using stage = await Stage.up();
      const open = await stage.openBuild();
      await using held = await stage.holdBuild(open);
      await ask(stage);
      const isDraining = (): boolean => stage.machine.observed?.phase === Phase.DRAINING;
      await stage.plane.until(isDraining, { what: "the drain to be told" });
      const { deadline } = stage.machine.observed?.ending ?? {};
      const { attaches } = stage.machine;
      const isKept = (): boolean => existsSync(join(stage.runtimeDir, "agent", "control", "end-orders.json"));
      await eventually("it is kept", isKept);
      await stage.kill("control");
      await stage.plane.until(() => stage.machine.attaches > attaches && isDraining(), { what: "the next control" });
      expect(await stage.log.last("end-orders.recalled")).toBeDefined();
      const moved = (stage.machine.observed?.ending?.deadline?.getTime() ?? 0) - (deadline?.getTime() ?? 0);
      expect(Math.abs(moved)).toBeLessThan(1_000);
      await expect(stage.openBuild()).rejects.toThrow("This machine is draining");
      await expectRefused(stage, await stage.openUnasked(), "machine-draining");
      // Once the next control has looked at all that a build needs.
      await eventually("its further connection", async () => (await stage.askWorkers(open)).exitCode === 0);
      await held.finish();
      expect(await stage.ended()).toEqual({ code: 0, signal: null });
    },
  );
});
