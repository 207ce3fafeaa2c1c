/** A CA that this machine believes, as far as its end goes. */
export interface CaDates {
  /** "CN=builds 2026" */
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Whose certificates this machine believes. */
export interface CaBundles {
  /** Of the control plane's certificate: pinned by configuration. */
  readonly controlPlane: readonly CaDates[];
  /** Of builds' certificates: sent by the control plane. Absent: not yet. */
  readonly builds?: readonly CaDates[];
}

const DAY_MS = 86_400_000;
/** A change of a CA takes people and a roll-out: two working weeks; less for one that is short. */
const WARN_MS = 14 * DAY_MS;

/**
 * By the CA that ends last: where one follows another, the old one may end. "ending": it is time to
 * have another.
 */
export function judgeBundle(
  cas: readonly CaDates[],
  nowMs: number,
): { readonly is: "good" | "ending" | "ended"; readonly endsAtMs: number; readonly warnAtMs: number } {
  const last = cas.reduce((a, b) => (b.notAfterMs > a.notAfterMs ? b : a), NO_CA);
  const { notBeforeMs, notAfterMs: endsAtMs } = last;
  const warnAtMs = endsAtMs - Math.min(WARN_MS, (endsAtMs - notBeforeMs) / 5);
  return { is: nowMs >= endsAtMs ? "ended" : nowMs >= warnAtMs ? "ending" : "good", endsAtMs, warnAtMs };
}

const NO_CA: CaDates = { subject: "", notBeforeMs: 0, notAfterMs: 0 };
