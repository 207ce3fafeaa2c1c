import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { KeyPair } from "./key-pair.ts";

export class SigningRequestInvalid extends Error {
  constructor(because: string, cause?: unknown) {
    super(`The certificate request ${because}.`, { cause });
    this.name = "SigningRequestInvalid";
  }
}

/**
 * Reads a PKCS#10 request and checks that it was signed by the key that it names. Its names and
 * extensions are left unread: whoever certifies decides them.
 * @throws {SigningRequestInvalid}
 */
export async function readSigningRequest(csrDer: Uint8Array): Promise<{ readonly spkiDer: Uint8Array }> {
  const request = parse(csrDer);
  if (!(await request.verify().catch(() => false))) throw new SigningRequestInvalid("is not signed by its own key");
  return { spkiDer: new Uint8Array(request.publicKey.rawData) };
}

/** A PKCS#10 request for `key`, DER. */
export async function makeSigningRequest(key: KeyPair, name: string): Promise<Uint8Array> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys: { publicKey: key.publicKey, privateKey: key.privateKey },
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  return new Uint8Array(request.rawData);
}

function parse(csrDer: Uint8Array): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(Buffer.from(csrDer));
  } catch (cause) {
    throw new SigningRequestInvalid("is not PKCS#10 in DER", cause);
  }
}
