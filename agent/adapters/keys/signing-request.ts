import type { webcrypto } from "node:crypto";

/**
 * A PKCS#10 request (DER) for `pair`, signed with it, ECDSA with SHA-256. The library is loaded here, at the first request: it takes
 * about 150 ms and 20 MB, and nothing else needs it.
 */
export async function signingRequestDer(pair: webcrypto.CryptoKeyPair, commonName: string): Promise<Uint8Array> {
  await import("reflect-metadata");
  const { Pkcs10CertificateRequestGenerator } = await import("@peculiar/x509");
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys: pair,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  return new Uint8Array(request.rawData);
}
