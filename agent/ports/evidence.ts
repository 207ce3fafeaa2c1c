import type { Secret } from "../core/secret.ts";
import type { Challenge } from "./control-plane.ts";

/** Proves which VM this is: one adapter for each kind. Gathered anew for each registration. */
export interface EvidenceSource {
  readonly kind: Evidence["kind"];
  /**
   * @param keySpkiSha256 of the machine key, to which the evidence is bound where the scheme
   *   allows.
   * @throws {AgentError} "identity.no-evidence": the token's file is missing or empty; retryable.
   */
  gather(challenge: Challenge, keySpkiSha256: string, signal: AbortSignal): Promise<Evidence>;
}

/** The kinds of evidence that this agent can gather; the contract knows more. */
export type Evidence =
  | {
      readonly kind: "join-token";
      readonly token: Secret;
      readonly binding: Uint8Array;
    }
  | { readonly kind: "oidc-token"; readonly jwt: Secret };
