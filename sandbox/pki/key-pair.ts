import { createHash, createPrivateKey, createPublicKey, KeyObject, webcrypto } from "node:crypto";

const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/**
 * An ECDSA P-256 key pair. One pair may be certified as often as wanted: reuse makes thousands of
 * certificates quick.
 */
export class KeyPair {
  readonly publicKey: webcrypto.CryptoKey;
  readonly privateKey: webcrypto.CryptoKey;
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** SHA-256 over `spkiDer`, lower-case hex. */
  readonly spkiSha256: string;
  #privateKeyPem: string | undefined;

  private constructor(pair: webcrypto.CryptoKeyPair, spkiDer: Uint8Array) {
    this.publicKey = pair.publicKey;
    this.privateKey = pair.privateKey;
    this.spkiDer = spkiDer;
    this.spkiSha256 = sha256Hex(spkiDer);
  }

  static async generate(): Promise<KeyPair> {
    const pair = await webcrypto.subtle.generateKey(ECDSA_P256, true, ["sign", "verify"]);
    return new KeyPair(pair, new Uint8Array(await webcrypto.subtle.exportKey("spki", pair.publicKey)));
  }

  /** @throws {Error} if it is no private key of ECDSA P-256. */
  static async fromPem(pkcs8Pem: string): Promise<KeyPair> {
    const key = createPrivateKey(pkcs8Pem);
    const spkiDer = createPublicKey(key).export({ type: "spki", format: "der" });
    const { subtle } = webcrypto;
    const pkcs8Der = key.export({ type: "pkcs8", format: "der" });
    const privateKey = await subtle.importKey("pkcs8", pkcs8Der, ECDSA_P256, true, ["sign"]);
    const publicKey = await subtle.importKey("spki", spkiDer, ECDSA_P256, true, ["verify"]);
    return new KeyPair({ privateKey, publicKey }, new Uint8Array(spkiDer));
  }

  /** PKCS#8. */
  get privateKeyPem(): string {
    this.#privateKeyPem ??= KeyObject.from(this.privateKey).export({ type: "pkcs8", format: "pem" }).toString();
    return this.#privateKeyPem;
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
