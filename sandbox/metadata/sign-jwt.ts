import { createPublicKey, type JsonWebKey, type KeyObject, sign } from "node:crypto";

/** An issuer's key, of the kind that the algorithm needs (RFC 7518, 3.1). */
export interface JwtSigner {
  readonly algorithm: "ES384" | "RS256";
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** RFC 7519, in the compact form of RFC 7515. */
export function signJwt({ algorithm, kid, privateKey }: JwtSigner, claims: Readonly<Record<string, unknown>>): string {
  const parts = [{ alg: algorithm, kid, typ: "JWT" }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const hash = algorithm === "ES384" ? "sha384" : "sha256";
  const signature = sign(hash, Buffer.from(parts.join(".")), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return [...parts, signature.toString("base64url")].join(".");
}

/** As a JWKS document lists it. */
export function publicJwk({ algorithm, kid, privateKey }: JwtSigner): JsonWebKey {
  return { ...createPublicKey(privateKey).export({ format: "jwk" }), kid, alg: algorithm, use: "sig" };
}
