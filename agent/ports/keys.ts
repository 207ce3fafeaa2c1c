import type { Secret } from "../core/secret.ts";

/**
 * Makes keys on this machine. A private key never leaves the process that made it, except to the
 * identity's store on tmpfs.
 */
export interface KeyMaker {
  /** ECDSA P-256. */
  make(): Promise<PrivateKey>;
}

export interface PrivateKey {
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string;
  /**
   * A PKCS#10 request with this common name; the control plane decides every name, whatever we ask.
   */
  request(commonName: string): Promise<SigningRequest>;
  /** PKCS#8, PEM: for the TLS stack, in memory. */
  readonly pem: Secret;
}

export interface SigningRequest {
  readonly der: Uint8Array;
  readonly spkiSha256: string;
}

/** Who this machine is, to the control plane. */
export interface MachineIdentity {
  readonly machineId: string;
  readonly key: PrivateKey;
  readonly chainPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * Reads from when to when a PEM chain is good: all of it, for a certificate is worth nothing once
 * its CA has ended. Its leaf must be for `key`, and carry the URI `name` and no other name where
 * one is given. @throws {AgentError} "identity.certificate-unusable"
 */
export interface CertificateReader {
  read(
    chainPem: string,
    key: { readonly spkiSha256: string },
    name?: string,
  ): { readonly notBeforeMs: number; readonly notAfterMs: number };
}

/**
 * Keeps the identity over a restart of the control process within one boot, only on tmpfs. Where
 * there is no tmpfs it keeps nothing, and the agent registers anew.
 */
export interface IdentityStore {
  /** Undefined if there is none, or if it belongs to another boot. */
  load(bootId: string): Promise<StoredIdentity | undefined>;
  save(bootId: string, identity: StoredIdentity): Promise<void>;
  forget(): Promise<void>;
}

export interface StoredIdentity {
  readonly identity: MachineIdentity;
  /** The last renewal in this boot, CLOCK_MONOTONIC; absent: there was none. */
  readonly renewedMonoMs?: number;
  readonly trust: {
    readonly trustDomain: string;
    readonly buildCas: readonly string[];
  };
}
