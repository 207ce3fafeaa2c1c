import type { CertificateFacts } from "../core/authorise.ts";

/** Reads what the far side of a TLS connection presented. */
export interface PeerReader {
  /** @param leaf DER. @throws {AgentError} "gateway.certificate-unreadable" */
  read(leaf: Uint8Array): CertificateFacts;
  /**
   * The key of the CA that a chain leads to; undefined if none of `cas` is on its way. Signatures and names are checked again here; dates and
   * purposes are not: those the TLS stack has judged.
   * @param chain DER, the leaf first, then what the client sent above it.
   */
  anchor(chain: readonly Uint8Array[], cas: readonly AnchorCa[]): string | undefined;
  /** @param pem one certificate. @throws {AgentError} "gateway.ca-unreadable" */
  readCa(pem: string): AnchorCa;
}

/** A CA that may end a chain. */
export interface AnchorCa {
  readonly pem: string;
  /** SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex: a CA that was issued anew for the same key is the same CA. */
  readonly key: string;
}
