import type { Instant } from "./instant.ts";

/** Why BuildKit could not run a step, as far as its words tell. */
export const STEP_FAULTS = ["read-only", "no-space", "disk-error", "network", "runtime", "other"] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

/** What came of one try, as it is counted. */
export const STEP_OUTCOMES = ["ran", "failed", "silent"] as const;

export type StepOutcome =
  | { readonly is: "ran"; readonly tookMs: number }
  | { readonly is: "failed"; readonly fault: StepFault }
  /** Nothing within the limit. */
  | { readonly is: "silent" }
  /** Nobody was there to ask, which says nothing of steps. */
  | { readonly is: "away" };

/** Whether BuildKit, as it runs now, can run a step. */
export type StepView =
  | { readonly at: "untried"; readonly message: string }
  /** Wall clock. */
  | { readonly at: "ran"; readonly atMs: number; readonly tookMs: number }
  | { readonly at: "failed"; readonly fault: StepFault | "silent" };

export const NO_STEP: StepView = { at: "untried", message: "No step was tried yet" };

/** What earlier tries of this BuildKit say. */
export interface TrialPast {
  readonly lastMonoMs?: number;
  /** In a row. One alone is no finding: a machine is not lost by one false alarm. */
  readonly failures: number;
  /** The last one was given up. */
  readonly wasSilent: boolean;
  /** A session was open since the last try: what it met may be what a step would meet. */
  readonly wasBusy: boolean;
  /** The longest that a step took, of every BuildKit since this process began; 0: none ran. */
  readonly longestMs: number;
}

export const NO_TRIALS: TrialPast = { failures: 0, wasSilent: false, wasBusy: false, longestMs: 0 };

const WHILE_IDLE_MS = 300_000;
/** Among builds it would take what they need, and a late answer says nothing. */
const WHILE_BUSY_MS = 600_000;
/** After sessions have ended: however short they are, it is tried no more often than this. */
const AFTER_SESSIONS_MS = 30_000;
const SECOND_TRY_MS = 1_000;
const RETRIES = { baseMs: 5_000, capMs: 60_000 } as const;
/** BuildKit (v0.33.1) keeps the layers of a step that is given up until it is started anew. */
const SILENT_RETRIES = { baseMs: 5_000, capMs: 300_000 } as const;

/** In how many ms the next step is to be tried; 0: now. */
export function untilTrialMs(past: TrialPast, nowMonoMs: number, isIdle: boolean): number {
  if (past.lastMonoMs === undefined) return 0;
  return Math.max(0, past.lastMonoMs + pauseMs(past, isIdle) - nowMonoMs);
}

function pauseMs({ failures, wasSilent, wasBusy }: TrialPast, isIdle: boolean): number {
  if (failures === 1) return SECOND_TRY_MS;
  const { baseMs, capMs } = wasSilent ? SILENT_RETRIES : RETRIES;
  if (failures > 1) return Math.min(capMs, baseMs * 2 ** Math.min(failures - 2, 10));
  if (!isIdle) return WHILE_BUSY_MS;
  return wasBusy ? AFTER_SESSIONS_MS : WHILE_IDLE_MS;
}

/** A first step tells how fast this machine is; two that are silent are named within 20 s. */
const LIMIT = { firstMs: 30_000, leastMs: 6_000, times: 4 } as const;

/** How long a step may take. A slow machine, as one that is emulated, has more time. */
export function stepLimitMs({ longestMs }: TrialPast): number {
  if (longestMs === 0) return LIMIT.firstMs;
  return Math.min(LIMIT.firstMs, Math.max(LIMIT.leastMs, longestMs * LIMIT.times));
}

/** The past with one more try, and what is to be shown of it. */
export function afterTrial(
  past: TrialPast,
  outcome: StepOutcome,
  shown: StepView,
  now: Instant,
  isIdle: boolean,
): { readonly past: TrialPast; readonly view: StepView } {
  const tried = { ...past, lastMonoMs: now.monoMs, wasSilent: outcome.is === "silent", wasBusy: !isIdle };
  switch (outcome.is) {
    case "away":
      return { past: tried, view: shown };
    case "ran": {
      const longestMs = Math.max(past.longestMs, outcome.tookMs);
      return {
        past: { ...tried, failures: 0, longestMs },
        view: { at: "ran", atMs: now.wallMs, tookMs: outcome.tookMs },
      };
    }
    case "silent":
      // Builds may have all there is.
      if (!isIdle) return { past: tried, view: shown };
      return failedOnce(tried, "silent", shown);
    case "failed":
      return failedOnce(tried, outcome.fault, shown);
    default:
      return outcome satisfies never;
  }
}

function failedOnce(
  past: TrialPast,
  fault: StepFault | "silent",
  shown: StepView,
): { readonly past: TrialPast; readonly view: StepView } {
  const failures = past.failures + 1;
  if (failures > 1) return { past: { ...past, failures }, view: { at: "failed", fault } };
  const view =
    shown.at === "untried" ? ({ at: "untried", message: "The first step failed, a second is tried" } as const) : shown;
  return { past: { ...past, failures }, view };
}
