import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export type Json = Readonly<Record<string, unknown>>;

const ALGORITHMS = {
  RS256: { kty: "RSA", digest: "sha256", make: () => generateKeyPairSync("rsa", { modulusLength: 2048 }) },
  ES256: { kty: "EC", digest: "sha256", make: () => generateKeyPairSync("ec", { namedCurve: "prime256v1" }) },
  ES384: { kty: "EC", digest: "sha384", make: () => generateKeyPairSync("ec", { namedCurve: "secp384r1" }) },
} as const;

type Algorithm = keyof typeof ALGORITHMS;

/** Writes tokens, also such as no honest issuer writes. */
export class Issuer {
  readonly name: string;
  readonly kid: string;
  readonly alg: Algorithm;
  #pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject } | undefined;

  constructor(name: string, kid: string, alg: Algorithm = "RS256") {
    this.name = name;
    this.kid = kid;
    this.alg = alg;
  }

  /** Made when it is first needed: an RSA key takes a while. */
  get keys() {
    this.#pair ??= ALGORITHMS[this.alg].make();
    return this.#pair;
  }

  get jwk() {
    return { ...this.keys.publicKey.export({ format: "jwk" }), kty: ALGORITHMS[this.alg].kty, kid: this.kid };
  }

  get jwks() {
    return { keys: [this.jwk] };
  }

  token(claims: Json, header: Json = {}): string {
    return this.tokenOf(JSON.stringify(claims), header);
  }

  /** Of claims as they are written. */
  tokenOf(body: string, header: Json = {}): string {
    const head = JSON.stringify({ alg: this.alg, typ: "JWT", kid: this.kid, ...header });
    const signed = `${encoded(head)}.${encoded(body)}`;
    const key = { key: this.keys.privateKey, dsaEncoding: "ieee-p1363" } as const;
    const signature = sign(ALGORITHMS[this.alg].digest, Buffer.from(signed), key);
    return `${signed}.${signature.toString("base64url")}`;
  }
}

export function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}
