import { describe, expect, it } from "vitest";
import { buildkitSolve } from "../../agent/core/checks/buildkit-solve.ts";
import {
  afterTrial,
  NO_STEP,
  NO_TRIALS,
  STEP_FAULTS,
  type StepOutcome,
  type StepView,
  stepLimitMs,
  type TrialPast,
  untilTrialMs,
} from "../../agent/core/step-trial.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const RAN: StepView = { at: "ran", atMs: NOW.wallMs - 1, tookMs: 60 };
const TRIED: TrialPast = { lastMonoMs: NOW.monoMs, failures: 0, wasSilent: false, wasBusy: false, longestMs: 60 };

describe("the next step", () => {
  it.each<{ when: string; past: Partial<TrialPast>; isIdle: boolean; inMs: number }>([
    { when: "five minutes later on an idle machine", past: {}, isIdle: true, inMs: 300_000 },
    { when: "ten minutes later while sessions are open", past: {}, isIdle: false, inMs: 600_000 },
    { when: "half a minute later where sessions have ended", past: { wasBusy: true }, isIdle: true, inMs: 30_000 },
    { when: "a second after one that failed", past: { failures: 1 }, isIdle: true, inMs: 1_000 },
    { when: "as soon while sessions are open", past: { failures: 1 }, isIdle: false, inMs: 1_000 },
    { when: "five seconds after two that failed", past: { failures: 2 }, isIdle: true, inMs: 5_000 },
    { when: "ten after three", past: { failures: 3 }, isIdle: true, inMs: 10_000 },
    {
      when: "five minutes after however many that hang",
      past: { failures: 99, wasSilent: true },
      isIdle: true,
      inMs: 300_000,
    },
    { when: "a minute after however many", past: { failures: 9_999 }, isIdle: true, inMs: 60_000 },
  ])("is tried $when", ({ past, isIdle, inMs }) => {
    expect(untilTrialMs({ ...TRIED, ...past }, NOW.monoMs, isIdle)).toBe(inMs);
    expect(untilTrialMs({ ...TRIED, ...past }, NOW.monoMs + inMs + 1, isIdle)).toBe(0);
  });

  it("is tried at once where none was, whoever builds", () => {
    expect(untilTrialMs(NO_TRIALS, NOW.monoMs, false)).toBe(0);
  });

  it.each([
    { longestMs: 0, limitMs: 30_000 },
    { longestMs: 60, limitMs: 6_000 },
    { longestMs: 4_000, limitMs: 16_000 },
    { longestMs: 25_000, limitMs: 30_000 },
  ])("has $limitMs ms where the longest took $longestMs ms", ({ longestMs, limitMs }) => {
    expect(stepLimitMs({ ...TRIED, longestMs })).toBe(limitMs);
  });
});

function told(
  outcomes: readonly StepOutcome[],
  { isIdle = true, from = RAN }: { isIdle?: boolean; from?: StepView } = {},
) {
  return outcomes.reduce(({ past, view }, outcome) => afterTrial(past, outcome, view, NOW, isIdle), {
    past: { ...TRIED },
    view: from,
  });
}

const FAILED: StepOutcome = { is: "failed", fault: "runtime" };

describe("what came of it", () => {
  it("costs no machine where it failed once", () => {
    expect(told([FAILED]).view).toEqual(RAN);
    expect(told([FAILED, { is: "ran", tookMs: 70 }, FAILED]).view).toMatchObject({ at: "ran", tookMs: 70 });
  });

  it("is a failure, by its cause, where it failed twice in a row", () => {
    expect(told([{ is: "silent" }, FAILED]).view).toEqual({ at: "failed", fault: "runtime" });
    expect(told([{ is: "silent" }, { is: "silent" }]).view).toEqual({ at: "failed", fault: "silent" });
  });

  it("is not known where the first one failed: the machine is not ready on a guess", () => {
    const { view } = told([FAILED], { from: NO_STEP });
    expect(view.at).toBe("untried");
    expect(buildkitSolve.look({ ...WELL, step: view }, NOW, FIXED)).toMatchObject({ state: "unknown" });
  });

  it("is no failure where it was late among builds, or nobody was there to ask", () => {
    const silent: StepOutcome = { is: "silent" };
    expect(told([silent, silent, silent], { isIdle: false })).toMatchObject({ past: { failures: 0 }, view: RAN });
    expect(told([{ is: "away" }, { is: "away" }])).toMatchObject({ past: { failures: 0 }, view: RAN });
  });

  it("is well again with the first that ran, and says when that was", () => {
    const { past, view } = told([FAILED, FAILED, { is: "ran", tookMs: 90 }]);
    expect(past).toMatchObject({ failures: 0, longestMs: 90 });
    expect(buildkitSolve.look({ ...WELL, step: view }, NOW, FIXED)).toEqual({
      state: "ok",
      message: "A step ran and wrote a layer at 2026-11-21T12:00:00Z, in 90 ms",
    });
  });
});

it.each([...STEP_FAULTS, "silent"] as const)(
  "a machine whose steps fail (%s) lets no build in, and says why",
  (fault) => {
    const look = buildkitSolve.look({ ...WELL, step: { at: "failed", fault } }, NOW, FIXED);
    expect(look).toMatchObject({
      state: "failed",
      message: expect.stringMatching(/^\S.*: builds would fail$/) as string,
    });
    expect(look.remedy ?? buildkitSolve.remedy).not.toBe("");
  },
);
