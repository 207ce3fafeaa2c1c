import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { type CertificateProfile, extensions, validity } from "./certificate-profile.ts";
import { type KeyPair, sha256Hex } from "./key-pair.ts";

/** A signed certificate. */
export interface Certificate {
  readonly certPem: string;
  /** The certificate, then the intermediates above it; the root is not in it. */
  readonly chainPem: string;
  /** Upper-case hex, as `X509Certificate.serialNumber` of Node gives it. */
  readonly serial: string;
  /** Of the subject's key: SHA-256 over the DER SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Who signs: the name that stands in the certificate, and the key. */
export interface Signer {
  readonly name: string;
  readonly key: KeyPair;
  /** PEM of the certificates that must accompany what is signed. */
  readonly intermediatesPem: string;
}

/** Signs what `profile` says about the key in `spkiDer`. */
export async function sign(profile: CertificateProfile, spkiDer: Uint8Array, signer: Signer): Promise<Certificate> {
  const spkiSha256 = sha256Hex(spkiDer);
  const signed = await x509.X509CertificateGenerator.create({
    ...(profile.serial === undefined ? {} : { serialNumber: profile.serial }),
    subject: [{ CN: [profile.name ?? "certificate"] }],
    issuer: [{ CN: [signer.name] }],
    ...validity(profile),
    publicKey: spkiDer,
    signingKey: signer.key.privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [
      ...extensions(profile),
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(spkiSha256)),
      new x509.AuthorityKeyIdentifierExtension(keyIdentifier(signer.key.spkiSha256)),
    ],
  });
  const certPem = `${signed.toString("pem")}\n`;
  const { notBefore, notAfter } = signed;
  const serial = signed.serialNumber.toUpperCase();
  return { certPem, chainPem: certPem + signer.intermediatesPem, serial, spkiSha256, notBefore, notAfter };
}

/** RFC 7093 section 2, method 4: the leftmost 160 bits of a SHA-256 hash; over the whole SPKI. */
function keyIdentifier(spkiSha256: string): string {
  return spkiSha256.slice(0, 40);
}
