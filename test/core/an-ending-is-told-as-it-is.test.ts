import { describe, expect, it } from "vitest";
import type { EndOrder } from "../../agent/core/end-orders.ts";
import { leftUndone, observedEnding, type TakenStep } from "../../agent/core/observed-ending.ts";

const NOW = { wallMs: 1_900_000_000_000, monoMs: 5_000 };
const PLANE: EndOrder = { from: "control-plane", reason: "update", deadlineMonoMs: 605_000 };
const NOTICE: EndOrder = { from: "provider", reason: "spot", deadlineMonoMs: 25_000 };
const later = (ms: number, clockSetMs = 0) => ({ wallMs: NOW.wallMs + ms + clockSetMs, monoMs: NOW.monoMs + ms });

describe("an ending is told", () => {
  it("only once somebody has ordered it", () => {
    expect(observedEnding([], "draining", [], NOW, undefined)).toBeUndefined();
  });

  it("with the earliest deadline by the wall clock, whose it is, and every order", () => {
    expect(observedEnding([PLANE, NOTICE], "draining", [], NOW, undefined)).toEqual({
      at: "draining",
      deadlineMs: NOW.wallMs + 20_000,
      deadlineOf: "provider",
      orders: [
        { from: "control-plane", reason: "update", deadlineMs: NOW.wallMs + 600_000 },
        { from: "provider", reason: "spot", deadlineMs: NOW.wallMs + 20_000 },
      ],
      steps: [],
    });
  });

  it.each([
    { what: "the same while clocks only drift", ...later(7_000, 40), deadlineMs: NOW.wallMs + 600_000 },
    { what: "anew once the wall clock was set", ...later(7_000, 3_600_000), deadlineMs: NOW.wallMs + 4_200_000 },
  ])("with a deadline that is $what", ({ wallMs, monoMs, deadlineMs }) => {
    const before = observedEnding([PLANE], "draining", [], NOW, undefined);
    expect(observedEnding([PLANE], "draining", [], { wallMs, monoMs }, before)).toMatchObject({ deadlineMs });
  });
});

describe("a machine is drained", () => {
  const steps = (over: Partial<Record<TakenStep["name"], TakenStep["ended"]>> = {}): readonly TakenStep[] =>
    (["draining", "cut", "buildkit", "cache"] as const).map((name) => ({
      name,
      ended: over[name] ?? "done",
      tookMs: 1,
    }));

  it("when BuildKit has ended, the cache is closed and every record is acknowledged, builds cut or not", () => {
    expect(leftUndone(steps(), 0)).toEqual([]);
    expect(leftUndone(steps({ draining: "given-up" }), 0)).toEqual([]);
  });

  it.each([
    { taken: steps({ buildkit: "given-up" }), waiting: 0, says: /^BuildKit was not seen to end$/ },
    { taken: steps({ buildkit: "failed" }), waiting: 0, says: /^BuildKit was not seen to end$/ },
    { taken: steps({ cache: "failed" }), waiting: 0, says: /^The cache was not seen to be closed$/ },
    { taken: steps(), waiting: 1, says: /^1 session record is not acknowledged/ },
    { taken: steps(), waiting: undefined, says: /^It is not known whether session records wait/ },
  ])("and not, of $taken with $waiting records", ({ taken, waiting, says }) => {
    expect(leftUndone(taken, waiting)).toEqual([expect.stringMatching(says)]);
  });
});
