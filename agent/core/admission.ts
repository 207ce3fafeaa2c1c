import type { Admission } from "./allow-set.ts";
import { type CheckResult, isBlocked } from "./health.ts";
import type { Phase } from "./phase.ts";

/**
 * Whether the gateway lets builds in: while all is well that a build needs. Other blocking checks
 * make the machine unready, but would not harm a build that comes all the same. While draining the
 * door stays open for builds that were open when it began: the allow-set then holds no others.
 */
export function admission(phase: Phase, checks: readonly CheckResult[]): Admission {
  if (phase.at === "stopping") return { at: "closed", because: `this machine is stopping: ${phase.reason}` };
  const lacking = missing(checks);
  return lacking === undefined ? { at: "open" } : { at: "closed", because: `${lacking.name}: ${lacking.message}` };
}

/** The first check that is not ok and that a session cannot do without; undefined: none. */
export function missing(checks: readonly CheckResult[]): CheckResult | undefined {
  return checks.find((check) => check.neededByBuilds && isBlocked(check));
}
