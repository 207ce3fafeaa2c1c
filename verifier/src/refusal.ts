/**
 * Why evidence is refused, for the wire: stable, and never with a word of the evidence. The lists
 * of what is allowed share one code, so that nobody learns which of them stands in the way.
 */
export type RefusalCode =
  // What was sent
  | "kind-unknown"
  | "kind-not-accepted"
  | "malformed"
  | "oversized"
  | "duplicate-key"
  // The challenge and the machine's key
  | "nonce-unknown"
  | "nonce-used"
  | "nonce-expired"
  | "nonce-foreign"
  | "nonce-mismatch"
  | "key-not-proved"
  | "key-mismatch"
  | "binding-mismatch"
  | "audience-mismatch"
  | "audience-extra"
  // Who signed
  | "issuer-unknown"
  | "algorithm-not-allowed"
  | "key-in-token"
  | "key-unknown"
  | "key-weak"
  | "keys-unavailable"
  | "signature-invalid"
  | "signer-untrusted"
  | "signer-name"
  | "signers-not-one"
  | "content-absent"
  | "content-mismatch"
  // When
  | "time-missing"
  | "expired"
  | "not-yet-valid"
  | "lifetime-too-long"
  | "token-used"
  // What was said
  | "claims-inconsistent"
  | "delegated-identity"
  | "instance-unnamed"
  | "instance-not-running"
  | "instance-already-registered"
  | "image-not-expected"
  | "rerun-refused"
  | "not-allowed"
  // A signed request, and the platform that answers it
  | "endpoint-not-allowed"
  | "request-not-expected"
  | "header-unsigned"
  | "platform-redirected"
  | "platform-refused"
  | "platform-unavailable";

/** What may pass by itself; everything else is the same tomorrow. */
const RETRYABLE: ReadonlySet<RefusalCode> = new Set(["keys-unavailable", "platform-unavailable"]);

export interface Refusal {
  readonly verdict: "refused";
  readonly code: RefusalCode;
  /** By the verifier's clock, milliseconds since 1970: a machine learns how far its own is off. */
  readonly atMs: number;
  /** Whether the same machine may be taken a little later, with a new challenge. */
  readonly retryable: boolean;
  /**
   * One sentence for the audit log, never for the caller: it may tell which list said no. It holds
   * no token, no nonce and no key.
   */
  readonly reason: string;
}

export function refusal(code: RefusalCode, reason: string, atMs: number): Refusal {
  return { verdict: "refused", code, atMs, retryable: RETRYABLE.has(code), reason };
}

/** How a step of the verification says no. Inside only: `Verifier` turns it into a `Refusal`. */
export class Refused extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.name = "Refused";
    this.code = code;
  }
}
