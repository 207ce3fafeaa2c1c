import { describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { SessionInbox } from "../../agent/control/board/session-inbox.ts";
import { orderEnd } from "../../agent/control/end-orders.ts";
import { endInOrder } from "../../agent/control/ending/end.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import { NO_GATEWAY } from "../../agent/core/views.ts";
import { GatewayStandIn, here, NO_MANAGER, UnitStandIn } from "../control/stand-ins.ts";
import { openedVolume } from "../core/sample.ts";
import type { Sitting } from "./sitting.ts";
import { DebugStage, needsRoot } from "./stage.ts";

/** The machine's ending with this stage's terminals, and what was so when each step was taken. */
async function drain(stage: DebugStage, { graceMs, hurry = false }: { graceMs: number; hurry?: boolean }) {
  const { board, plane } = stage;
  const unit = new UnitStandIn();
  const clock = systemClock();
  const seen: string[] = [];
  const note = (step: string): void => {
    const whole = plane.debug.recordings.all().every(({ isComplete }) => isComplete);
    const states = board.debugTerminals.get().map(({ state }) => state);
    seen.push(`${step}: terminals ${states.join(" ")}, recordings ${whole ? "delivered" : "under way"}`);
  };
  unit.stop = async () => note("buildkit");
  const plainCache = { open: () => Promise.reject(new Error("not in an ending")), close: async () => note("cache") };
  board.gateway.set(here(NO_GATEWAY, {}));
  board.cache.set({ at: "open", volume: openedVolume() });
  board.tailnet.set({ at: "none" });
  board.plane.update((view) => ({ ...view, attached: true }));
  board.reported.set({ phase: { at: "stopping", reason: "a test" } } as ObservedState);
  const order = (ms: number, isHurried: boolean): void =>
    orderEnd(board, { from: "operator", reason: "a test", deadlineMonoMs: clock.now().monoMs + ms, hurry: isHurried });
  order(graceMs, hurry);
  const ended = endInOrder(
    {
      gateway: new GatewayStandIn(),
      unit,
      cacheVolume: undefined,
      plainCache,
      ownUnit: NO_MANAGER,
      clock,
      log: stage.log,
    },
    board,
    new SessionInbox(),
    { graceMs, buildkitGraceMs: 1_000 },
    async () => undefined,
  ).then(() => note("drained"));
  return { seen, ended, order };
}

/** Somebody in front of a prompt. */
async function seated(stage: DebugStage): Promise<Sitting> {
  const ada = await stage.open();
  await ada.sees(/recorded/);
  return ada;
}

const IN_ORDER = ["buildkit", "cache", "drained"].map((step) => `${step}: terminals ended, recordings delivered`);

describe.skipIf(needsRoot)("a drain of a machine with an open terminal", () => {
  it("tells the person by when it ends, lets them work until then, and is over once the recording is delivered", async () => {
    await using stage = await DebugStage.set();
    const ada = await seated(stage);
    const draining = await drain(stage, { graceMs: 4_000 });
    await ada.sees(/\[This machine drains: this terminal ends at \d\d:\d\d:\d\d UTC \(in [34] s\)\.\]/);
    await ada.type("echo still $((20 + 3))\n");
    await ada.sees(/still 23/);
    expect(await ada.ended).toMatchObject({ reason: "stopping" });
    await ada.sees(/\[The terminal has ended\. The machine is ending\.\]/);
    await draining.ended;
    expect(draining.seen).toEqual(IN_ORDER);
    expect(stage.plane.debug.recordings.all()[0]?.text).toContain("This machine drains");
  });

  it("is over as soon as the person leaves", async () => {
    await using stage = await DebugStage.set();
    const ada = await seated(stage);
    const draining = await drain(stage, { graceMs: 600_000 });
    await ada.sees(/this terminal ends at .* \(in 60 s\)/);
    await ada.type("exit\n");
    await draining.ended;
    expect(draining.seen).toEqual(IN_ORDER);
  });

  it("ends it at once with --now, in the same order", async () => {
    await using stage = await DebugStage.set();
    const ada = await seated(stage);
    const draining = await drain(stage, { graceMs: 0, hurry: true });
    expect(await ada.ended).toMatchObject({ reason: "stopping" });
    await ada.sees(/This machine drains: this terminal ends now\./);
    await draining.ended;
    expect(draining.seen).toEqual(IN_ORDER);
  });

  it("says it again when somebody brings the end nearer", async () => {
    await using stage = await DebugStage.set();
    const ada = await seated(stage);
    const draining = await drain(stage, { graceMs: 600_000 });
    await ada.sees(/\(in 60 s\)/);
    draining.order(2_500, false);
    await ada.sees(/this terminal ends at \d\d:\d\d:\d\d UTC \(in [23] s\)/);
    await draining.ended;
    expect(draining.seen).toEqual(IN_ORDER);
  });

  it("waits for nobody who has not come yet", async () => {
    await using stage = await DebugStage.set();
    const line = stage.grant();
    await stage.untilStatus(line.grantId, "waiting");
    const draining = await drain(stage, { graceMs: 600_000 });
    expect(await stage.untilStatus(line.grantId, "ended")).toMatchObject({ reason: "stopping" });
    await draining.ended;
    expect(line.begun).toBe(false);
  });
});
