import type { CertificateFacts } from "../core/authorise.ts";

/** Reads what the far side of a TLS connection presented. Bytes are DER. */
export interface PeerReader {
  /** @throws {AgentError} "gateway.certificate-unreadable" */
  read(leaf: Uint8Array): CertificateFacts;
  /**
   * The CA that the leaf leads to, by its key: SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex; undefined if none of `cas` is on
   * the way. Signatures and names are checked, dates and purposes are not: those the TLS stack has judged.
   * @param intermediates in the order in which they were sent.
   * @param cas PEM, one certificate each.
   */
  anchor(leaf: Uint8Array, intermediates: readonly Uint8Array[], cas: readonly string[]): string | undefined;
  /** The key of a CA, as `anchor` names it. @throws {AgentError} "gateway.ca-unreadable" */
  caKey(caPem: string): string;
}
