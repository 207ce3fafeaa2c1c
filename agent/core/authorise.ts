import type { AllowSet, Grant } from "./allow-set.ts";
import { VIEW_MAX_AGE_MS } from "./allow-set.ts";
import type { BuildIdentity } from "./build-identity.ts";
import { parseBuildUri } from "./build-identity.ts";
import { ageMs, type Instant } from "./instant.ts";

/** id-kp-clientAuth, RFC 5280 section 4.2.1.12. */
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** What the TLS stack says of the other side, once its handshake is over. */
export interface PeerFacts {
  readonly protocol: string;
  readonly sessionReused: boolean;
  /** Why the chain does not lead to a CA of ours; absent when it does. */
  readonly chainError?: string;
  /** Absent when the client sent no certificate. */
  readonly certificate?: CertificateFacts;
}

/** A public key, as far as its strength goes. `curve` and `name` are OpenSSL's names. */
export type KeyFacts =
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "ec"; readonly curve: string }
  | { readonly kind: "other"; readonly name: string };

export interface CertificateFacts {
  readonly serial: string;
  readonly uriSans: readonly string[];
  readonly isCa: boolean;
  /** OIDs. Empty if the extension is absent. */
  readonly extendedKeyUsage: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly key: KeyFacts;
  /** Lower-case hex. */
  readonly spkiSha256: string;
}

export const REFUSALS = [
  "protocol-too-old",
  "session-resumed",
  "no-certificate",
  "key-not-accepted",
  "chain-not-trusted",
  "certificate-not-yet-valid",
  "certificate-expired",
  "certificate-is-a-ca",
  "not-for-client-authentication",
  "not-exactly-one-uri-san",
  "not-a-build-identity",
  "build-ended",
  "build-revoked",
  "machine-draining",
  "no-grant",
  "grant-expired",
  "key-not-granted",
  "no-view",
  "view-too-old",
  "not-admitting",
] as const;

export type Refusal = (typeof REFUSALS)[number];

export type Verdict =
  | {
      readonly admitted: true;
      readonly build: BuildIdentity;
      readonly certificate: CertificateFacts;
      /** When the session must be cut, and which of the two runs out first. */
      readonly endsAtMs: number;
      readonly endsBecause: "grant-expired" | "certificate-expired";
    }
  | {
      readonly admitted: false;
      readonly refusal: Refusal;
      readonly detail: string;
    };

/**
 * Decides on one connection. Default deny: every way through the function that is not the last line
 * refuses. The certificate is judged before the build, so that a stranger learns nothing of which
 * builds exist. Comparisons of times are written so that a value that is not a number refuses.
 */
export function authorise(peer: PeerFacts, allow: AllowSet | undefined, now: Instant): Verdict {
  if (peer.protocol !== "TLSv1.3") return refuse("protocol-too-old", peer.protocol);
  if (peer.sessionReused) return refuse("session-resumed");
  const certificate = peer.certificate;
  if (certificate === undefined) return refuse("no-certificate");
  if (allow === undefined) return refuse("no-view", "the control plane has not been heard since the gateway started");
  if (!(now.wallMs < certificate.notAfterMs)) return refuse("certificate-expired", at(certificate.notAfterMs));
  if (!(now.wallMs >= certificate.notBeforeMs)) return refuse("certificate-not-yet-valid", at(certificate.notBeforeMs));
  if (!isAccepted(certificate.key)) return refuse("key-not-accepted", `the client's key is ${named(certificate.key)}`);
  if (peer.chainError !== undefined) return refuse("chain-not-trusted", peer.chainError);
  if (certificate.isCa) return refuse("certificate-is-a-ca");
  if (!certificate.extendedKeyUsage.includes(CLIENT_AUTH)) return refuse("not-for-client-authentication");
  const [uri, ...more] = certificate.uriSans;
  if (uri === undefined || more.length > 0) {
    return refuse("not-exactly-one-uri-san", `${certificate.uriSans.length} URI SANs`);
  }
  const build = parseBuildUri(uri, allow.trustDomain);
  if (build === undefined) return refuse("not-a-build-identity", uri);
  const grant = allow.grants.get(build.buildId);
  if (grant === undefined) return refuseClosed(allow, build);
  if (!names(grant, build)) return refuse("no-grant", uri);
  if (grant.keySpkiSha256 !== undefined && grant.keySpkiSha256 !== certificate.spkiSha256)
    return refuse("key-not-granted", uri);
  if (!(now.wallMs < grant.expiresAtMs)) return refuse("grant-expired", at(grant.expiresAtMs));
  if (!(ageMs(allow.confirmedAt, now) <= VIEW_MAX_AGE_MS)) return refuse("view-too-old", at(allow.confirmedAt.wallMs));
  if (allow.admission.at === "closed") return refuse("not-admitting", allow.admission.because);
  return {
    admitted: true,
    build,
    certificate,
    endsAtMs: Math.min(certificate.notAfterMs, grant.expiresAtMs),
    endsBecause: certificate.notAfterMs < grant.expiresAtMs ? "certificate-expired" : "grant-expired",
  };
}

/** NIST SP 800-57 part 1, table 2: 112 bits of strength at least, until 2030. */
const LEAST_RSA_BITS = 2048;
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/**
 * RSA of 2048 bits and more, P-256, P-384, P-521, Ed25519. Judged here, because what OpenSSL lets
 * pass depends on its version.
 */
export function isAccepted(key: KeyFacts): boolean {
  switch (key.kind) {
    case "rsa":
      return key.bits >= LEAST_RSA_BITS;
    case "ec":
      return CURVES.has(key.curve);
    case "other":
      return key.name === "ed25519";
    default:
      return key satisfies never;
  }
}

export function named(key: KeyFacts): string {
  switch (key.kind) {
    case "rsa":
      return `RSA with ${key.bits} bits`;
    case "ec":
      return `on the curve ${key.curve}`;
    case "other":
      return key.name;
    default:
      return key satisfies never;
  }
}

const WHY_CLOSED = { ended: "build-ended", revoked: "build-revoked", "kept-out": "machine-draining" } as const;

function names(grant: Grant, build: BuildIdentity): boolean {
  return grant.orgId === build.orgId && grant.projectId === build.projectId && grant.buildId === build.buildId;
}

function refuseClosed(allow: AllowSet, build: BuildIdentity): Verdict {
  const closed = allow.closed.get(build.buildId);
  return refuse(closed === undefined ? "no-grant" : WHY_CLOSED[closed], build.buildId);
}

function refuse(refusal: Refusal, detail = ""): Verdict {
  return { admitted: false, refusal, detail };
}

function at(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "not a date";
}
