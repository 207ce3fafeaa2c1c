import type { Admission, AllowSet } from "./allow-set.ts";
import type { DesiredState } from "./desired-state.ts";
import type { Instant } from "./instant.ts";
import { type FrozenBuilds, isKeptOut } from "./views.ts";

/** The gateway's orders: what the control plane wants, less the builds that a drain keeps out. */
export function composeAllowSet(
  desired: DesiredState,
  confirmedAt: Instant,
  admission: Admission,
  frozen: FrozenBuilds,
): AllowSet {
  const keptOut = [...desired.grants.keys()].filter((buildId) => isKeptOut(frozen, buildId));
  return {
    revision: desired.revision,
    epoch: desired.epoch,
    trustDomain: desired.trust.trustDomain,
    buildCas: desired.trust.buildCas,
    grants: new Map([...desired.grants].filter(([buildId]) => !isKeptOut(frozen, buildId))),
    closed: new Map([...desired.closed, ...keptOut.map((buildId) => [buildId, "kept-out"] as const)]),
    admission,
    confirmedAt,
  };
}
