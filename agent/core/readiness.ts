import { clause } from "./clause.ts";
import { type CheckResult, isBlocked } from "./health.ts";
import type { Phase } from "./phase.ts";

/** Why builds should not be sent here; ready when `reasons` is empty. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/**
 * `excluded` checks do not count. A drain or a stop is never ready, whatever the checks say. A
 * check that another one explains is no reason of its own: one cause shows once.
 */
export function readiness(phase: Phase, checks: readonly CheckResult[], excluded: ReadonlySet<string>): Readiness {
  const blocked = checks.filter((check) => isBlocked(check) && !excluded.has(check.name));
  const shown = new Set(blocked.map(({ name }) => name));
  const causes = blocked.filter(({ causedBy }) => causedBy === undefined || !shown.has(causedBy));
  const reasons = [
    ...unlookedReasons(checks),
    ...phaseReasons(phase),
    ...causes.map(({ name, message }) => `${name}: ${message}`),
  ];
  return { ready: reasons.length === 0, reasons: reasons.map(clause) };
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
