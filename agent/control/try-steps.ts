import {
  afterTrial,
  NO_STEP,
  NO_TRIALS,
  type StepView,
  stepLimitMs,
  type TrialPast,
  untilTrialMs,
} from "../core/step-trial.ts";
import { type BuildkitView, isIdle } from "../core/views.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { BuildkitTrial } from "../ports/buildkit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { Board } from "./board/board.ts";

export interface TrialPorts {
  readonly trial: BuildkitTrial;
  readonly meters: Pick<Meters, "stepTried">;
  readonly clock: Clock;
  readonly log: Log;
}

export type TrialCells = Pick<Board, "buildkit" | "gateway" | "phase" | "step">;

/**
 * Has BuildKit run a tiny step now and then: after each of its starts, after sessions have ended,
 * every few minutes while no session is open, and rarely while one is. Nothing of what it found
 * outlives the BuildKit that it was found of.
 */
export async function trySteps(
  ports: TrialPorts,
  cells: TrialCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const { buildkit, step } = cells;
  let past = NO_TRIALS;
  while ((await buildkit.first(answers, signal)) !== undefined) {
    await firstOf(
      signal,
      (until) => buildkit.first((view) => !answers(view), until),
      async (until) => {
        for (past = { ...NO_TRIALS, longestMs: past.longestMs }; !until.aborted; )
          past = await next(ports, cells, past, report, until);
      },
    );
    step.set(NO_STEP);
  }
}

function answers({ at }: BuildkitView): boolean {
  return at === "ready" || at === "proving";
}

/** Waits until a step is due, or the gateway has news; tries it if it is due. */
async function next(
  { trial, meters, clock, log }: TrialPorts,
  { gateway, phase, step }: TrialCells,
  past: TrialPast,
  report: LoopReport,
  signal: AbortSignal,
): Promise<TrialPast> {
  const before = gateway.get();
  const ms = untilTrialMs(past, clock.now().monoMs, isIdle(before));
  if (ms > 0) {
    await within(clock, ms, signal, (limit) => gateway.first((now) => isIdle(now) !== isIdle(before), limit));
    return past.wasBusy || isIdle(gateway.get()) ? past : { ...past, wasBusy: true };
  }
  // The ending stops BuildKit.
  if (phase.get().at === "stopping") {
    await phase.first(({ at }) => at !== "stopping", signal);
    return past;
  }
  const limitMs = stepLimitMs(past);
  if (past.lastMonoMs === undefined) step.set({ at: "untried", message: "A first step is being tried" });
  const { outcome, err } = await trial.tryStep(limitMs, signal);
  if (signal.aborted) return past;
  // One that came meanwhile may have made it late.
  const wasIdle = isIdle(before) && isIdle(gateway.get());
  const shown = step.get();
  const after = afterTrial(past, outcome, shown, clock.now(), wasIdle);
  step.set(after.view);
  if (outcome.is !== "away") meters.stepTried(outcome.is, outcome.is === "ran" ? outcome.tookMs : undefined);
  const { failures } = after.past;
  if (failures > past.failures) log.warn({ err, outcome: outcome.is, failures, limitMs }, "buildkit.step-failed");
  if (outcome.is === "ran" && (shown.at !== "ran" || past.failures > 0))
    log.info({ tookMs: outcome.tookMs }, "buildkit.step-ran");
  tell(report, after.past, after.view);
  return after.past;
}

function tell(report: LoopReport, past: TrialPast, view: StepView): void {
  if (past.failures === 0) report.succeeded();
  else
    report.failed(view.at === "failed" ? view.fault : "A step failed", untilTrialMs(past, past.lastMonoMs ?? 0, true));
}
