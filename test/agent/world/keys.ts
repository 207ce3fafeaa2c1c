import { AgentError } from "../../../agent/core/errors.ts";
import { Secret } from "../../../agent/core/secret.ts";
import type { EvidenceSource } from "../../../agent/ports/evidence.ts";
import type {
  CertificateReader,
  IdentityStore,
  KeyMaker,
  PrivateKey,
  SigningRequest,
  StoredIdentity,
} from "../../../agent/ports/keys.ts";

/** A certificate, without the cryptography: whose it is, and from when to when. */
export interface SimulatedCertificate {
  readonly key: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export function issue(certificate: SimulatedCertificate): string {
  return JSON.stringify(certificate);
}

export function readCertificate(chainPem: string): SimulatedCertificate {
  return JSON.parse(chainPem) as SimulatedCertificate;
}

export function signingRequest(key: string): SigningRequest {
  return { der: new Uint8Array(), spkiSha256: key };
}

export class SimulatedKeys implements KeyMaker {
  #made = 0;

  async make(): Promise<PrivateKey> {
    this.#made += 1;
    const key = `machine-key-${this.#made}`;
    return {
      spkiDer: new Uint8Array(),
      spkiSha256: key,
      request: async () => signingRequest(key),
      pem: new Secret(key),
    };
  }
}

export const CERTIFICATE_READER: CertificateReader = {
  read(chainPem, { spkiSha256 }) {
    const { key, notBeforeMs, notAfterMs } = readCertificate(chainPem);
    if (key !== spkiSha256)
      throw new AgentError("identity.certificate-unusable", `It is for ${key}, not for ${spkiSha256}`, {
        retryable: true,
      });
    return { notBeforeMs, notAfterMs };
  },
};

/** On tmpfs: it outlives the process, not the boot. */
export class SimulatedIdentityStore implements IdentityStore {
  #kept: { readonly bootId: string; readonly identity: StoredIdentity } | undefined;

  async load(bootId: string): Promise<StoredIdentity | undefined> {
    return this.#kept?.bootId === bootId ? this.#kept.identity : undefined;
  }
  async save(bootId: string, identity: StoredIdentity): Promise<void> {
    this.#kept = { bootId, identity };
  }
  async forget(): Promise<void> {
    this.#kept = undefined;
  }
}

export const EVIDENCE: EvidenceSource = {
  kind: "oidc-token",
  gather: async () => ({ kind: "oidc-token", jwt: new Secret("jwt") }),
};
