import type { Admission, AllowSet } from "./allow-set.ts";
import type { DesiredState } from "./desired-state.ts";
import type { Instant } from "./instant.ts";
import type { FrozenBuilds } from "./views.ts";

/** The gateway's orders: what the control plane wants, less what a drain keeps out. */
export function composeAllowSet(
  desired: DesiredState,
  confirmedAt: Instant,
  admission: Admission,
  frozen: FrozenBuilds,
): AllowSet {
  const grants =
    frozen === undefined ? desired.grants : new Map([...desired.grants].filter(([buildId]) => frozen.has(buildId)));
  return {
    revision: desired.revision,
    epoch: desired.epoch,
    trustDomain: desired.trust.trustDomain,
    buildCas: desired.trust.buildCas,
    grants,
    closed: desired.closed,
    admission,
    confirmedAt,
  };
}
