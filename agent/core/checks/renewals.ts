import { rfc3339 } from "../moment.ts";
import { RENEWAL_GAP_MS } from "../renewal.ts";
import type { CertificatesView } from "../views.ts";
import { failed, type Look } from "./check.ts";

/** One of the two certificates, by the control plane's clock. */
export interface Renewable {
  readonly notAfterMs: number;
  /** Absent: not known yet. */
  readonly renewAtMs: number | undefined;
}

/** A control plane that starts anew is back within this; renewals are tried again by themselves. */
const PATIENCE_MS = 60_000;

/** When a renewal that fails is worth a look: after a tenth of the time that is left for it. */
function failingFromMs({ notAfterMs, renewAtMs }: Renewable): number {
  if (renewAtMs === undefined) return notAfterMs;
  return renewAtMs + Math.min(PATIENCE_MS, (notAfterMs - renewAtMs) / 10);
}

/**
 * A renewal that is overdue: it fails, and time is being lost; or nobody tried it though even the
 * pause between two renewals is over. Undefined: there is nothing to tell.
 */
export function overdue(
  one: Renewable,
  { failing, lastRenewalError }: CertificatesView,
  planeMs: number,
): Look | undefined {
  const { notAfterMs, renewAtMs } = one;
  if (renewAtMs === undefined || planeMs < failingFromMs(one)) return undefined;
  const until = `Valid until ${rfc3339(notAfterMs)}, and its renewal was due at ${rfc3339(renewAtMs)}`;
  if (failing !== undefined)
    return failed(`${until}. It fails since ${rfc3339(failing.sinceMs)}: ${lastRenewalError}`, {
      blocking: false,
      remedy: "Mend what the control plane answers; it is tried again by itself, and builder-agent reconnect tries now",
    });
  if (planeMs < failingFromMs(one) + RENEWAL_GAP_MS) return undefined;
  return failed(`${until}. It was not tried`, {
    blocking: false,
    remedy: "Keep a bundle (builder-agent bundle) and restart builder-agent-control.service: builds go on",
  });
}

/** What is known of it, a fact a line. */
export function renewalFacts(one: Renewable, { failing, lastRenewalError }: CertificatesView): readonly string[] {
  return [
    `good until ${rfc3339(one.notAfterMs)}`,
    one.renewAtMs === undefined ? "its renewal is not planned yet" : `renewal due at ${rfc3339(one.renewAtMs)}`,
    ...(failing === undefined
      ? []
      : [
          `renewals fail since ${rfc3339(failing.sinceMs)}: ${lastRenewalError}`,
          `next try at ${rfc3339(failing.nextTryMs)}`,
        ]),
  ];
}

/** In how many ms age alone changes what is said of it: the nearest that is still to come. */
export function renewalChangesInMs(one: Renewable, planeMs: number): number | undefined {
  const from = failingFromMs(one);
  const moments = [from, from + RENEWAL_GAP_MS, one.notAfterMs].filter((ms) => ms <= one.notAfterMs);
  const left = moments.map((ms) => ms - planeMs).filter((ms) => ms > 0);
  return left.length === 0 ? undefined : Math.min(...left);
}
