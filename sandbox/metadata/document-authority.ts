import "reflect-metadata";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { DocumentSigner } from "./sign-document.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;
const P384 = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } as const;
const DAY_MS = 24 * 60 * 60_000;
/** For clocks that differ. */
const EARLIER_MS = 60 * 60_000;

export interface Holder extends DocumentSigner {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly algorithm: typeof RSA | typeof P384;
}

interface Wishes {
  readonly name: string;
  readonly key: "P-384" | "RSA";
  /** Absent: it signs itself. */
  readonly issuer?: Holder;
  readonly isCa?: boolean;
  readonly dns?: string;
  /** Where the issuer's certificate is said to be. */
  readonly caIssuers?: string;
}

/** A certificate with its key, good for a month: platforms sign with other keys than ours. */
export async function certify({ name, key, issuer, isCa = false, dns, caIssuers }: Wishes): Promise<Holder> {
  const algorithm = key === "RSA" ? RSA : P384;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    // Positive, as an INTEGER of DER: a document names its signer by it.
    serialNumber: `01${randomBytes(8).toString("hex")}`,
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() - EARLIER_MS),
    notAfter: new Date(Date.now() + 30 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: issuer?.algorithm ?? algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(isCa, undefined, true),
      ...(isCa ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)] : []),
      ...(dns === undefined ? [] : [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: dns }])]),
      ...(caIssuers === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ caIssuers: [caIssuers] })]),
    ],
  });
  const privateKey = KeyObject.from(keys.privateKey);
  return { certificate, keys, algorithm, privateKey, certificateDer: new Uint8Array(certificate.rawData) };
}

export function pemOf({ certificate }: Holder): string {
  return `${certificate.toString("pem")}\n`;
}
