import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { DAY_MS, NOW_MS } from "./clock.ts";

export const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
export const SHORT_RSA = { ...RSA, modulusLength: 1024 };
export const P384 = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };

export interface Keys {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly algorithm: typeof RSA | typeof P384;
}

export interface Holder extends Keys {
  readonly certificate: x509.X509Certificate;
  readonly der: Uint8Array;
  readonly pem: string;
}

export interface Wishes {
  readonly name: string;
  readonly keys: Keys;
  /** Undefined: signs itself. */
  readonly issuer?: Holder;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  readonly dns?: readonly string[];
  readonly serial?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Where the issuer's certificate is said to be. */
  readonly aia?: string;
  readonly digest?: "SHA-1" | "SHA-256" | "SHA-384";
}

export async function makeKeys(algorithm: typeof RSA | typeof P384): Promise<Keys> {
  return { pair: await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]), algorithm };
}

let serials = 0;

export async function certify(wishes: Wishes): Promise<Holder> {
  const { keys, issuer } = wishes;
  const { algorithm, pair } = issuer ?? keys;
  serials += 1;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: wishes.serial ?? `00${(0x1000 + serials).toString(16)}`,
    subject: `CN=${wishes.name}`,
    issuer: issuer?.certificate.subject ?? `CN=${wishes.name}`,
    notBefore: wishes.notBefore ?? new Date(NOW_MS - 30 * DAY_MS),
    notAfter: wishes.notAfter ?? new Date(NOW_MS + 30 * DAY_MS),
    publicKey: keys.pair.publicKey,
    signingKey: await forDigest(pair.privateKey, algorithm, wishes.digest ?? algorithm.hash),
    signingAlgorithm: { ...algorithm, hash: wishes.digest ?? algorithm.hash },
    extensions: extensionsOf(wishes),
  });
  return { ...keys, certificate, der: new Uint8Array(certificate.rawData), pem: certificate.toString("pem") };
}

function extensionsOf({ isCa = false, pathLength, dns = [], aia }: Wishes): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(isCa, pathLength, true),
    ...(isCa ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)] : []),
    ...(dns.length > 0 ? [new x509.SubjectAlternativeNameExtension(dns.map((value) => ({ type: "dns", value })))] : []),
    ...(aia === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ caIssuers: [aia] })]),
  ];
}

/** The same key, to sign with a digest that it was not made for. */
export async function forDigest(
  key: webcrypto.CryptoKey,
  algorithm: typeof RSA | typeof P384,
  hash: string,
): Promise<webcrypto.CryptoKey> {
  if (hash === algorithm.hash || algorithm.name === "ECDSA") return key;
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return webcrypto.subtle.importKey("pkcs8", pkcs8, { ...algorithm, hash }, true, ["sign"]);
}
