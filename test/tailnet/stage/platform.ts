import { generateKeyPairSync, type JsonWebKey, sign } from "node:crypto";

/** A platform that writes its machines' identity tokens. */
export class Platform {
  readonly issuer = "https://platform.test";
  readonly jwks: { readonly keys: JsonWebKey[] };
  readonly #privateKey;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#privateKey = privateKey;
    this.jwks = {
      keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "ES256", use: "sig" }],
    };
  }

  /** Good for five minutes. */
  token(audience: string, subject = "machine:m1"): string {
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { iss: this.issuer, sub: subject, aud: audience, iat: nowS, exp: nowS + 300 };
    const head = [{ alg: "ES256", typ: "JWT", kid: "1" }, claims].map(encoded).join(".");
    return `${head}.${sign("sha256", Buffer.from(head), { key: this.#privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
