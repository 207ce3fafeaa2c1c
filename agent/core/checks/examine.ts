import { clause } from "../clause.ts";
import type { Finding } from "../health.ts";
import type { Instant } from "../instant.ts";
import type { Fixed, Known } from "../known.ts";
import type { Check } from "./check.ts";
import { CHECKS } from "./register.ts";

/** Every check of the register, in its order. */
export function examined(
  known: Known,
  now: Instant,
  fixed: Fixed,
  checks: readonly Check[] = CHECKS,
): readonly Finding[] {
  const found = checks.map((check) => finding(check, known, now, fixed));
  const byName = new Map(found.map((one) => [one.name, one]));
  return found.map((one, index) => {
    const { dependsOn = [], knownBy = [] } = checks[index] ?? {};
    const explained = one.state === "unknown" ? [...dependsOn, ...knownBy] : dependsOn;
    const causedBy = one.state === "ok" ? undefined : (one.causedBy ?? cause(one, explained, byName, checks));
    return causedBy === undefined ? one : { ...one, causedBy };
  });
}

/** In how many ms the first check changes by age alone; Infinity: none is about to. */
export function nextChangeMs(known: Known, now: Instant, checks: readonly Check[] = CHECKS): number {
  const left = checks.map((check) => check.changesInMs?.(known, now) ?? 0);
  return Math.min(...left.filter((ms) => ms > 0), Number.POSITIVE_INFINITY);
}

function finding(check: Check, known: Known, now: Instant, fixed: Fixed): Finding {
  const look = check.look(known, now, fixed);
  return {
    name: check.name,
    title: check.title,
    state: look.state,
    blocking: look.blocking ?? check.blocking,
    neededByBuilds: (look.neededByBuilds ?? check.neededByBuilds) === true,
    message: clause(look.message),
    remedy: look.state === "ok" ? "" : (look.remedy ?? check.remedy),
    evidence: check.evidence(known, now, fixed),
    ...(look.causedBy !== undefined && { causedBy: look.causedBy }),
  };
}

/**
 * The first that is not ok itself and keeps the machine from being ready. What only informs
 * explains only what informs as well; the early warning of a check that blocks explains nothing.
 */
function cause(
  { blocking }: Finding,
  names: readonly string[],
  found: ReadonlyMap<string, Finding>,
  checks: readonly Check[],
): string | undefined {
  return names.find((name) => {
    const other = found.get(name);
    if (other === undefined || other.state === "ok") return false;
    return other.blocking || (!blocking && checks.every((check) => check.name !== name || !check.blocking));
  });
}
