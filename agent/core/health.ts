/** What one check found. */
export interface Finding {
  /** Stable: a path (`/readyz/<name>`), a label of metrics, a condition of the contract. */
  readonly name: string;
  readonly title: string;
  /**
   * "unknown": nobody could look yet; as good as failed for readiness, but nothing is known to be
   * wrong.
   */
  readonly state: "ok" | "failed" | "unknown";
  /** Not ready while it is not ok. */
  readonly blocking: boolean;
  /** While it blocks, no new session is let in. */
  readonly neededByBuilds: boolean;
  /** One sentence for a person, without its full stop: what is so. */
  readonly message: string;
  /** What to do; "" while it is ok. */
  readonly remedy: string;
  /** What was looked at, a fact a line; also while it is ok. Moments in RFC 3339. */
  readonly evidence: readonly string[];
  /** The check that explains this one's failure; absent: this is a cause of its own. */
  readonly causedBy?: string;
}

export interface CheckResult extends Finding {
  /** Since when `state` has had this value, wall clock; a warning that came true keeps it. */
  readonly sinceMs: number;
}

/** Names of the checks that keep the machine from being ready. */
export function failing(checks: readonly CheckResult[]): readonly string[] {
  return checks.filter(isBlocked).map((check) => check.name);
}

/** Whether this finding keeps the machine from being ready. */
export function isBlocked({ blocking, state }: Finding): boolean {
  return blocking && state !== "ok";
}

/** The same state keeps its `sinceMs`; a turn gets the present. */
export function withSince(previous: CheckResult | undefined, found: Finding, nowMs: number): CheckResult {
  return { ...found, sinceMs: previous !== undefined && previous.state === found.state ? previous.sinceMs : nowMs };
}

/** Another state; or it fails as before and is another matter: a warning came true. */
export function isTurn(before: Finding, after: Finding): boolean {
  return before.state !== after.state || (after.state === "failed" && before.blocking !== after.blocking);
}

/** How grave it is while it is not ok: no build is sent here, or somebody should look. */
export type Severity = "blocking" | "warning";

export function severityOf({ blocking }: Finding): Severity {
  return blocking ? "blocking" : "warning";
}

/**
 * As a person wants to read them: causes that block, then other causes, then what they explain,
 * then what is ok; within each the register's order.
 */
export function worstFirst<
  T extends Pick<Finding, "blocking"> & { readonly state: string; readonly causedBy?: unknown },
>(checks: readonly T[]): readonly T[] {
  const rank = ({ state, blocking, causedBy }: T): number => {
    if (state === "ok") return 3;
    if (causedBy !== undefined) return 2;
    return blocking ? 0 : 1;
  };
  return checks.toSorted((a, b) => rank(a) - rank(b));
}
