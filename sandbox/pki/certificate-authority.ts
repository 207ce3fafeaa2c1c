import "reflect-metadata";
import { createPrivateKey, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { CertificateProfile } from "./certificate-profile.ts";
import { KeyPair } from "./key-pair.ts";
import { type Certificate, type Signer, sign } from "./sign.ts";
import { readSigningRequest } from "./signing-request.ts";

/** Default lifetime of an authority: longer than any test or demo. */
const AUTHORITY_LIFETIME_MS = 24 * 60 * 60_000;

export interface CertificateWithKey extends Certificate {
  readonly key: KeyPair;
  /** PKCS#8. */
  readonly keyPem: string;
}

export interface AuthorityOptions extends Omit<CertificateProfile, "isCa"> {
  readonly name: string;
  /** From now; `notAfter` overrides it. */
  readonly validForMs?: number;
  readonly key?: KeyPair;
}

/**
 * Signs whatever it is asked to sign, as a root or as an intermediate of another authority; ECDSA
 * P-256 with SHA-256 throughout. About 2 ms a certificate, so property tests may ask for thousands
 * (reuse a `KeyPair` where the key does not matter).
 */
export class CertificateAuthority {
  /** This authority's own certificate: what others trust. */
  readonly certPem: string;
  readonly key: KeyPair;
  /** When it ends: what it signs is good for no longer. */
  readonly notAfterMs: number;
  readonly #signer: Signer;

  private constructor(certPem: string, signer: Signer) {
    this.certPem = certPem;
    this.key = signer.key;
    this.notAfterMs = Date.parse(new X509Certificate(certPem).validTo);
    this.#signer = signer;
  }

  /** A root. */
  static async create(options: AuthorityOptions): Promise<CertificateAuthority> {
    const signer = { name: options.name, key: options.key ?? (await KeyPair.generate()), intermediatesPem: "" };
    const { certPem } = await sign(authority(options), signer.key.spkiDer, signer);
    return new CertificateAuthority(certPem, signer);
  }

  /**
   * A root that was made before: its certificate and its key, in this order.
   * @throws {Error} if one is missing, or they do not belong together.
   */
  static async fromPem(pem: string): Promise<CertificateAuthority> {
    const [certPem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(pem) ?? [];
    const [keyPem] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(pem) ?? [];
    if (certPem === undefined || keyPem === undefined) throw new Error("a certificate and a private key are wanted");
    if (!new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem)))
      throw new Error("the key is not the certificate's");
    const [name = ""] = new x509.X509Certificate(certPem).subjectName.getField("CN");
    return new CertificateAuthority(certPem, { name, key: await KeyPair.fromPem(keyPem), intermediatesPem: "" });
  }

  /** A CA below this one. */
  async intermediate(options: AuthorityOptions): Promise<CertificateAuthority> {
    const key = options.key ?? (await KeyPair.generate());
    const { certPem, chainPem } = await sign(authority(options), key.spkiDer, this.#signer);
    return new CertificateAuthority(certPem, { name: options.name, key, intermediatesPem: chainPem });
  }

  /** A certificate with its key: a fresh one, or `key` once more. */
  async issue(profile: CertificateProfile & { readonly key?: KeyPair }): Promise<CertificateWithKey> {
    const key = profile.key ?? (await KeyPair.generate());
    return { ...(await sign(profile, key.spkiDer, this.#signer)), key, keyPem: key.privateKeyPem };
  }

  /**
   * A certificate for a key that somebody else holds: the one of a PKCS#10 request, whose names are
   * ignored, or of a DER SubjectPublicKeyInfo.
   * @throws {SigningRequestInvalid} if the request does not parse or is not signed by its own key.
   */
  async certify(
    subject: { readonly csrDer: Uint8Array } | { readonly spkiDer: Uint8Array },
    profile: CertificateProfile,
  ): Promise<Certificate> {
    const { spkiDer } = "csrDer" in subject ? await readSigningRequest(subject.csrDer) : subject;
    return sign(profile, spkiDer, this.#signer);
  }
}

/** A certificate that no authority stands behind. */
export async function selfSigned(
  profile: CertificateProfile & { readonly key?: KeyPair },
): Promise<CertificateWithKey> {
  const key = profile.key ?? (await KeyPair.generate());
  const signer = { name: profile.name ?? "certificate", key, intermediatesPem: "" };
  return { ...(await sign(profile, key.spkiDer, signer)), key, keyPem: key.privateKeyPem };
}

function authority(options: AuthorityOptions): CertificateProfile {
  return { notAfter: new Date(Date.now() + (options.validForMs ?? AUTHORITY_LIFETIME_MS)), ...options, isCa: true };
}
