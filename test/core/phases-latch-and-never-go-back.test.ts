import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextPhase, type Phase, type PhaseEvent } from "../../agent/core/phase.ts";

const drain: PhaseEvent = { is: "drain-ordered", reason: "maintenance", deadlineWallMs: 1_000 };
const stop: PhaseEvent = { is: "stop-ordered", reason: "SIGTERM" };
const allGood: PhaseEvent = { is: "checked", failing: [] };
const diskFull: PhaseEvent = { is: "checked", failing: ["disk"] };

describe("the phase of the agent", () => {
  it.each<{ from: Phase; event: PhaseEvent; to: Phase }>([
    { from: { at: "starting" }, event: diskFull, to: { at: "starting" } },
    { from: { at: "starting" }, event: allGood, to: { at: "ready" } },
    { from: { at: "ready" }, event: diskFull, to: { at: "degraded", because: ["disk"] } },
    { from: { at: "degraded", because: ["disk"] }, event: allGood, to: { at: "ready" } },
    { from: { at: "ready" }, event: drain, to: { at: "draining", reason: "maintenance", deadlineWallMs: 1_000 } },
    { from: { at: "starting" }, event: stop, to: { at: "stopping", reason: "SIGTERM" } },
  ])("$from.at, then $event.is: $to.at", ({ from, event, to }) => {
    expect(nextPhase(from, event)).toEqual(to);
  });

  it("brings a drain's deadline nearer on a second order, and never puts it off", () => {
    const draining = nextPhase({ at: "ready" }, drain);
    expect(nextPhase(draining, { ...drain, deadlineWallMs: 500 })).toMatchObject({ deadlineWallMs: 500 });
    expect(nextPhase(draining, { ...drain, deadlineWallMs: 5_000 })).toMatchObject({ deadlineWallMs: 1_000 });
  });

  it("never leaves stopping, nor goes from draining back to ready, whatever comes", () => {
    const event = fc.constantFrom<PhaseEvent>(allGood, diskFull, drain, stop);
    fc.assert(
      fc.property(fc.array(event), fc.array(event), (before, after) => {
        const run = (phase: Phase, events: readonly PhaseEvent[]): Phase => events.reduce(nextPhase, phase);
        const stopped = nextPhase(run({ at: "starting" }, before), stop);
        expect(run(stopped, after).at).toBe("stopping");
        const draining = nextPhase({ at: "ready" }, drain);
        expect(["draining", "stopping"]).toContain(run(draining, after).at);
      }),
    );
  });
});
