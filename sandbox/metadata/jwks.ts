import { json, page, type Replier } from "./reply.ts";
import { type JwtSigner, publicJwk } from "./sign-jwt.ts";

/**
 * An issuer's public keys, where its discovery document says. Source: OpenID Connect Discovery 1.0,
 * sections 3 and 4. `signers` may be changed while it serves: keys are rotated.
 */
export function jwks(issuer: string, signers: readonly JwtSigner[]): Replier {
  return ({ path, headers }) => {
    if (path === "/jwks") return json({ keys: signers.map(publicJwk) });
    if (path !== "/.well-known/openid-configuration") return page(404);
    return json({
      issuer,
      jwks_uri: `http://${headers.host}/jwks`,
      id_token_signing_alg_values_supported: ["RS256", "ES384"],
    });
  };
}
