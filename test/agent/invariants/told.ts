import type { CheckResult } from "../../../agent/core/health.ts";
import type { ObservedState } from "../../../agent/core/observed-state.ts";

/** How a check is read: the one place that knows how it says so. */
export function isOk(check: CheckResult): boolean {
  return check.state === "ok";
}

/** What is news to the control plane: all but measurements, counters and the wording of checks. */
export function notable(state: ObservedState): string {
  const { phase, appliedRevision, appliedEpoch, refused, builds, checks, cache, tailnet, buildkit, certificates } =
    state;
  return JSON.stringify([
    phase,
    String(appliedRevision),
    appliedEpoch,
    refused?.because,
    [...builds],
    checks.map((check) => [check.name, isOk(check), check.blocking]),
    cache?.volumeId,
    tailnet,
    state.bootChapters.length,
    buildkit,
    certificates,
    state.ending,
    state.notices,
    state.refusedBuilds?.map(({ buildId, why }) => [buildId, why]),
  ]);
}
