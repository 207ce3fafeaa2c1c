import { createPrivateKey, createPublicKey, KeyObject, webcrypto } from "node:crypto";
import { Secret } from "../../core/secret.ts";
import type { PrivateKey, SigningRequest } from "../../ports/keys.ts";
import { signingRequestDer } from "./signing-request.ts";
import { spkiSha256 } from "./spki.ts";

const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

export async function generatePrivateKey(): Promise<PrivateKey> {
  return new EcdsaKey(await webcrypto.subtle.generateKey(ECDSA_P256, true, ["sign", "verify"]));
}

/** @throws {Error} if it is not PKCS#8 in PEM, or not a P-256 key. */
export async function privateKeyFromPem(pem: Secret): Promise<PrivateKey> {
  const privateObject = createPrivateKey(pem.reveal());
  const publicObject = createPublicKey(privateObject);
  const { subtle } = webcrypto;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey("pkcs8", privateObject.export({ type: "pkcs8", format: "der" }), ECDSA_P256, true, ["sign"]),
    subtle.importKey("spki", publicObject.export({ type: "spki", format: "der" }), ECDSA_P256, true, ["verify"]),
  ]);
  return new EcdsaKey({ privateKey, publicKey });
}

class EcdsaKey implements PrivateKey {
  readonly spkiSha256: string;
  readonly pem: Secret;
  readonly #pair: webcrypto.CryptoKeyPair;

  constructor(pair: webcrypto.CryptoKeyPair) {
    this.#pair = pair;
    this.spkiSha256 = spkiSha256(KeyObject.from(pair.publicKey));
    this.pem = new Secret(KeyObject.from(pair.privateKey).export({ type: "pkcs8", format: "pem" }).toString());
  }

  async request(commonName: string): Promise<SigningRequest> {
    return { der: await signingRequestDer(this.#pair, commonName), spkiSha256: this.spkiSha256 };
  }
}
