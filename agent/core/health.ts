/** What one check last found. Names are stable: they are paths (`/readyz/<name>`), metrics' labels and the contract's conditions. */
export interface CheckResult {
  readonly name: CheckName;
  readonly ok: boolean;
  /** Not ready while it is not ok. */
  readonly blocking: boolean;
  /** One sentence for a person: what is so, and if it is not ok what to do. */
  readonly message: string;
  /** Since when `ok` has had this value, wall clock. */
  readonly sinceMs: number;
}

export type CheckName =
  | "identity"
  | "control-plane"
  | "control-plane-view"
  | "desired-state"
  | "gateway"
  | "serving-certificate"
  | "machine-certificate"
  | "buildkit"
  | "disk"
  | "records"
  | "clock"
  | "cache-volume"
  | "encryption"
  | "build-network"
  | "isolation"
  | "tailnet"
  | "unsupported";

export type Finding = Omit<CheckResult, "sinceMs">;

export function finding(name: CheckName, blocking: boolean, ok: boolean, message: string): Finding {
  return { name, blocking, ok, message };
}

export function failing(checks: readonly CheckResult[]): readonly string[] {
  return checks.filter((check) => check.blocking && !check.ok).map((check) => check.name);
}

/** The same finding keeps its `sinceMs`; a turn gets the present. */
export function withSince(previous: CheckResult | undefined, found: Finding, nowMs: number): CheckResult {
  return {
    ...found,
    sinceMs: previous !== undefined && previous.ok === found.ok ? previous.sinceMs : nowMs,
  };
}
