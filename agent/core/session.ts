import type { AllowSet } from "./allow-set.ts";
import type { CertificateFacts } from "./authorise.ts";
import type { BuildIdentity } from "./build-identity.ts";

/** Why a session ended. The first cause wins. */
export const SESSION_ENDINGS = [
  "client-closed",
  "buildkit-closed",
  "client-error",
  "buildkit-error",
  "build-ended",
  "build-revoked",
  "grant-expired",
  "certificate-expired",
  "ca-withdrawn",
  "drain-deadline",
  "gateway-lost",
  /**
   * As a newer release named it before it was rolled back: the detail says how. Only ever read from
   * the journal.
   */
  "other",
] as const;

export type SessionEnding = (typeof SESSION_ENDINGS)[number];

/** What is known of a session from its first moment. */
export interface SessionOpening {
  readonly sessionId: string;
  readonly build: BuildIdentity;
  /** `address:port` as the socket saw it. */
  readonly peer: string;
  readonly certificateSerial: string;
  readonly keySpkiSha256: string;
  readonly openedAtMs: number;
}

/** What is known once it is over. Bytes are plain bytes inside TLS. */
export interface SessionClosing {
  readonly durationMs: number;
  readonly bytesFromClient: number;
  readonly bytesToClient: number;
  /** Calls of BuildKit that its build might not make; absent: none. */
  readonly refusedCalls?: number;
  readonly ending: SessionEnding;
  readonly detail: string;
}

export interface SessionSummary extends SessionOpening, SessionClosing {}

export type Standing =
  | {
      readonly stands: true;
      readonly endsAtMs: number;
      readonly endsBecause: "grant-expired" | "certificate-expired";
    }
  | {
      readonly stands: false;
      readonly ending: SessionEnding;
      readonly detail: string;
    };

/**
 * Judges an open session against a new allow-set. Losing contact with the control plane or closing
 * admission never ends what is open; only the loss of the grant, of its key or of time does.
 */
export function standing(
  build: BuildIdentity,
  certificate: CertificateFacts,
  allow: AllowSet,
  nowMs: number,
): Standing {
  const grant = allow.grants.get(build.buildId);
  if (grant === undefined || grant.orgId !== build.orgId || grant.projectId !== build.projectId) {
    const revoked = allow.closed.get(build.buildId) === "revoked";
    return {
      stands: false,
      ending: revoked ? "build-revoked" : "build-ended",
      detail: `revision ${allow.revision}`,
    };
  }
  if (grant.keySpkiSha256 !== undefined && grant.keySpkiSha256 !== certificate.spkiSha256) {
    return {
      stands: false,
      ending: "build-revoked",
      detail: `revision ${allow.revision} grants another key`,
    };
  }
  const certificateFirst = certificate.notAfterMs < grant.expiresAtMs;
  const endsAtMs = Math.min(certificate.notAfterMs, grant.expiresAtMs);
  const endsBecause = certificateFirst ? "certificate-expired" : "grant-expired";
  return nowMs < endsAtMs
    ? { stands: true, endsAtMs, endsBecause }
    : {
        stands: false,
        ending: endsBecause,
        detail: `revision ${allow.revision}`,
      };
}
