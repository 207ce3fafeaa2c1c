import { createHash, KeyObject, webcrypto } from "node:crypto";

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

  /** PKCS#8. */
  get privateKeyPem(): string {
    this.#privateKeyPem ??= KeyObject.from(this.privateKey).export({ type: "pkcs8", format: "pem" }).toString();
    return this.#privateKeyPem;
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
