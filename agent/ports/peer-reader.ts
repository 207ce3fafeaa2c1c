import type { CertificateFacts, KeyFacts } from "../core/authorise.ts";

/** Reads what the far side of a TLS connection presented. */
export interface PeerReader {
  /** @param leaf DER. @throws {AgentError} "gateway.certificate-unreadable" */
  read(leaf: Uint8Array): CertificateFacts;
  /**
   * The CA that a chain leads to; undefined if none of `cas` is on its way. Signatures
   * and names are checked again here; dates and purposes are not: those the TLS stack has judged.
   * @param chain DER, the leaf first, then what the client sent above it.
   */
  anchor(chain: readonly Uint8Array[], cas: readonly AnchorCa[]): Anchor | undefined;
  /**
   * Whether a leaf that the TLS stack says is not signed by its issuer was issued all the same, by
   * another of `cas` that has the issuer's name and that nothing tells apart from it.
   * @param leaf DER. @throws {AgentError} "gateway.certificate-unreadable"
   */
  issuedByTwin(leaf: Uint8Array, cas: readonly AnchorCa[], nowMs: number): boolean;
  /** What the client sent, the leaf first, in DER; undefined if that cannot be read. */
  sent(flight: ClientFlight): readonly Uint8Array[] | undefined;
  /** @param pem one certificate. @throws {AgentError} "gateway.ca-unreadable" */
  readCa(pem: string): AnchorCa;
}

/** A client's side of a handshake that is over, as it came over the wire. */
export interface ClientFlight {
  /** From its answer to the server's hello on. */
  readonly records: Uint8Array;
  /** OpenSSL's name of the cipher suite. */
  readonly suite: string;
  /** client_handshake_traffic_secret. It is worth nothing for what comes after the handshake. */
  readonly secret: Uint8Array;
}

/** Where a chain ends, and what holds for all of it. */
export interface Anchor {
  /** Of the CA. */
  readonly key: string;
  /** The earliest end of any certificate of the chain, the CA's included. Unix time. */
  readonly notAfterMs: number;
  /** Of the certificates above the leaf, the CA's last. */
  readonly keys: readonly KeyFacts[];
}

/** A CA that may end a chain. */
export interface AnchorCa {
  readonly pem: string;
  /**
   * SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex: a CA that was issued anew for the
   * same key is the same CA.
   */
  readonly key: string;
  readonly notAfterMs: number;
  /** Its name, on one line. */
  readonly subject: string;
}
