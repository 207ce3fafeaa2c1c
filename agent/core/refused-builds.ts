import { missing } from "./admission.ts";
import type { Grant } from "./allow-set.ts";
import type { CheckResult } from "./health.ts";
import type { Phase } from "./phase.ts";
import { type FrozenBuilds, isKeptOut } from "./views.ts";

/** A build that the control plane opened and that this machine lets no new connection in for. */
export interface RefusedBuild {
  readonly buildId: string;
  readonly why: RefusalReason;
  /** One sentence for a person. */
  readonly message: string;
}

/** The contract's BuildRefusalCode. The first three are final; "not-ready" can turn around. */
export type RefusalReason =
  | { readonly code: "draining" }
  | { readonly code: "stopping" }
  /** By this machine's wall clock. */
  | { readonly code: "expired" }
  /** `check` is what a build needs and this machine has not. */
  | { readonly code: "not-ready"; readonly check: string };

export interface BuildsSituation {
  /** The open builds of the desired state. */
  readonly grants: ReadonlyMap<string, Grant>;
  /** As the gateway's orders are composed with them. */
  readonly frozen: FrozenBuilds;
  readonly phase: Phase;
  readonly checks: readonly CheckResult[];
  readonly nowWallMs: number;
}

/**
 * The builds of the desired state that the gateway turns away now, by the same rules as its orders:
 * a control plane hands out no certificate of theirs. What is final comes before what can turn
 * around.
 */
export function refusedBuilds(situation: BuildsSituation): readonly RefusedBuild[] {
  const { grants, frozen, phase, checks, nowWallMs } = situation;
  const lacking = missing(checks);
  const refused: RefusedBuild[] = [];
  for (const { buildId, expiresAtMs } of grants.values()) {
    if (phase.at === "stopping") {
      refused.push({ buildId, why: { code: "stopping" }, message: `This machine is stopping: ${phase.reason}` });
    } else if (isKeptOut(frozen, buildId)) {
      const reason = phase.at === "draining" ? phase.reason : "it has been told to end";
      refused.push({ buildId, why: { code: "draining" }, message: `This machine is draining: ${reason}` });
    } else if (expiresAtMs <= nowWallMs) {
      const message = `The build expired at ${new Date(expiresAtMs).toISOString()} by this machine's clock`;
      refused.push({ buildId, why: { code: "expired" }, message });
    } else if (lacking !== undefined) {
      const message = `This machine is not ready for builds: ${lacking.name}: ${lacking.message}`;
      refused.push({ buildId, why: { code: "not-ready", check: lacking.name }, message });
    }
  }
  return refused;
}
