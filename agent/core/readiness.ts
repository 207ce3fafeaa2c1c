import type { CheckResult } from "./health.ts";
import type { Phase } from "./phase.ts";

/** Why builds should not be sent here; ready when `reasons` is empty. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** `excluded` checks do not count. A drain or a stop is never ready, whatever the checks say. */
export function readiness(phase: Phase, checks: readonly CheckResult[], excluded: ReadonlySet<string>): Readiness {
  const failing = checks
    .filter((check) => check.blocking && !check.ok && !excluded.has(check.name))
    .map((check) => `${check.name}: ${check.message}`);
  const reasons = [...unlookedReasons(checks), ...phaseReasons(phase), ...failing];
  return { ready: reasons.length === 0, reasons };
}

function unlookedReasons(checks: readonly CheckResult[]): readonly string[] {
  return checks.length === 0 ? ["starting: nothing has been looked at yet"] : [];
}

function phaseReasons(phase: Phase): readonly string[] {
  switch (phase.at) {
    case "draining":
      return [`draining: ${phase.reason}`];
    case "stopping":
      return [`stopping: ${phase.reason}`];
    case "starting":
    case "ready":
    case "degraded":
      return [];
    default:
      return phase satisfies never;
  }
}
