import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export type Json = Readonly<Record<string, unknown>>;

/** Writes tokens, also such as no honest issuer writes. */
export class Issuer {
  readonly name: string;
  readonly kid: string;
  readonly alg: "RS256" | "ES384";
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;

  constructor(name: string, kid: string, alg: "RS256" | "ES384" = "RS256") {
    const pair =
      alg === "RS256"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    this.name = name;
    this.kid = kid;
    this.alg = alg;
    this.privateKey = pair.privateKey;
    this.publicKey = pair.publicKey;
  }

  get jwk() {
    return { ...this.publicKey.export({ format: "jwk" }), kty: this.alg === "RS256" ? "RSA" : "EC", kid: this.kid };
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
    const digest = this.alg === "RS256" ? "sha256" : "sha384";
    const signature = sign(digest, Buffer.from(signed), { key: this.privateKey, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }
}

export function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}
