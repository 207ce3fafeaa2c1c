import type { Admission } from "./allow-set.ts";
import type { CheckName, CheckResult } from "./health.ts";
import type { Phase } from "./phase.ts";

/** What a session cannot do without. Other blocking checks make the machine unready but would not harm a build that comes all the same. */
const NEEDED: readonly CheckName[] = [
  "cache-volume",
  "encryption",
  "build-network",
  "isolation",
  "tailnet",
  "buildkit",
  "disk",
];

/**
 * Whether the gateway lets builds in. While draining the door stays open for builds that were open when it began: the allow-set then holds
 * no others.
 */
export function admission(phase: Phase, checks: readonly CheckResult[]): Admission {
  if (phase.at === "stopping") return { at: "closed", because: `this machine is stopping: ${phase.reason}` };
  const missing = checks.find((check) => check.blocking && !check.ok && NEEDED.includes(check.name));
  return missing === undefined ? { at: "open" } : { at: "closed", because: `${missing.name}: ${missing.message}` };
}
