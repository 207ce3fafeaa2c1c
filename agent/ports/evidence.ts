import type { Secret } from "../core/secret.ts";
import type { Challenge } from "./control-plane.ts";
import type { PrivateKey } from "./keys.ts";

/** Proves which VM this is: one adapter for each kind. Gathered anew for each registration. */
export interface EvidenceSource {
  readonly kind: EvidenceKind;
  /**
   * @param key the machine's, to which the evidence is bound where the scheme allows.
   * @throws {AgentError} "identity.no-evidence", with what was asked, what it answered and what to
   *   do; or whatever `signal` was aborted with.
   */
  gather(challenge: Challenge, key: MachineKey, signal: AbortSignal): Promise<Evidence>;
}

/** What evidence needs to know of the machine's key. */
export type MachineKey = Pick<PrivateKey, "spkiDer" | "spkiSha256">;

/** How evidence is come by. Several ways may lead to the same evidence. */
export type EvidenceKind = Evidence["kind"] | "auto" | "oidc-socket" | "oidc-url";

/** What is shown to the control plane, as the contract's `Attestation` describes each. */
export type Evidence =
  | {
      readonly kind: "join-token";
      readonly token: Secret;
      readonly binding: Uint8Array;
    }
  | { readonly kind: "aws-web-identity" | "gcp" | "oidc-token"; readonly jwt: Secret }
  | {
      readonly kind: "aws-caller-identity";
      readonly url: string;
      /** By lower-case name: the signature and the session's token are among them. */
      readonly headers: Readonly<Record<string, Secret>>;
    }
  | {
      readonly kind: "aws-instance-identity";
      readonly document: Secret<Uint8Array>;
      /** PKCS#7, DER. */
      readonly signature: Secret<Uint8Array>;
    }
  | {
      readonly kind: "azure";
      /** DER. */
      readonly pkcs7: Secret<Uint8Array>;
      /** DER, between the document's signer and its root, as far as they could be had. */
      readonly intermediates: readonly Uint8Array[];
    }
  | {
      readonly kind: "nitro-tpm";
      /** COSE_Sign1. */
      readonly document: Secret<Uint8Array>;
    };
