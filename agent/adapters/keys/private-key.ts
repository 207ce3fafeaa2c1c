import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { Secret } from "../../core/secret.ts";
import type { PrivateKey, SigningRequest } from "../../ports/keys.ts";
import { signingRequestDer } from "./signing-request.ts";
import { spkiSha256 } from "./spki.ts";

const P256 = "prime256v1";

export async function generatePrivateKey(): Promise<PrivateKey> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: P256 });
  return new EcdsaKey(privateKey);
}

/** @throws {Error} if it is not PKCS#8 in PEM, or not a P-256 key. */
export async function privateKeyFromPem(pem: Secret): Promise<PrivateKey> {
  const key = createPrivateKey(pem.reveal());
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve !== P256) throw new Error(`the key is ${key.asymmetricKeyType} ${curve ?? ""}, not ECDSA P-256`);
  return new EcdsaKey(key);
}

class EcdsaKey implements PrivateKey {
  readonly spkiDer: Uint8Array;
  readonly spkiSha256: string;
  readonly pem: Secret;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
    const publicKey = createPublicKey(key);
    this.spkiDer = publicKey.export({ type: "spki", format: "der" });
    this.spkiSha256 = spkiSha256(publicKey);
    this.pem = new Secret(key.export({ type: "pkcs8", format: "pem" }).toString());
  }

  async request(commonName: string): Promise<SigningRequest> {
    return { der: signingRequestDer(this.#key, commonName), spkiSha256: this.spkiSha256 };
  }
}
