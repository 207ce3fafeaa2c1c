import { generateKeyPairSync, sign } from "node:crypto";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../../../sandbox/control-plane/project-ref.ts";
import type { StageIdentity } from "./stage-config.ts";

const ISSUER = "https://issuer.example";
const SUBJECT = "machine-7";
const AUDIENCE = "builder-control-plane.sandbox.internal";
const LIFETIME_S = 600;

/** An OIDC token of an issuer that `plane` trusts from now on to name a machine of `ref`. */
export function oidcIdentity(
  plane: EmbeddedControlPlane,
  ref: ProjectRef,
  { singleUse = true }: { readonly singleUse?: boolean } = {},
): StageIdentity {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  plane.trustIssuer({
    issuer: ISSUER,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "key" }] },
    subjects: { [SUBJECT]: ref },
    singleUse,
  });
  const nowS = Math.floor(Date.now() / 1_000);
  const claims = { iss: ISSUER, sub: SUBJECT, aud: AUDIENCE, iat: nowS, nbf: nowS - 1, exp: nowS + LIFETIME_S };
  const signed = [{ alg: "ES256", kid: "key" }, claims].map(base64url).join(".");
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return { kind: "oidc-token", token: `${signed}.${signature.toString("base64url")}` };
}

function base64url(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
