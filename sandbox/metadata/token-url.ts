import { json, page, plain, type Replier } from "./reply.ts";
import { type JwtSigner, signJwt } from "./sign-jwt.ts";

export interface TokenUrlOptions {
  readonly issuer: string;
  readonly subject: string;
  readonly signer: JwtSigner;
  /** What lets a caller ask. Absent: nothing is needed. */
  readonly bearer?: string;
  /** Whether the token comes by itself, or as "value" of an object. Default: by itself. */
  readonly form?: "bare" | "value";
  /** Wall time, as the issuer has it. */
  readonly now?: () => number;
}

/**
 * A URL that gives a workload its token. Source: GitHub's documentation of its runners' OIDC
 * tokens, ACTIONS_ID_TOKEN_REQUEST_URL, for the bearer, the parameter and "value".
 */
export function tokenUrl({ issuer, subject, signer, bearer, form = "bare", now = Date.now }: TokenUrlOptions): Replier {
  return ({ query, headers, isStale }) => {
    if (bearer !== undefined && headers.authorization !== `Bearer ${bearer}`) return page(401);
    const audience = query.get("audience");
    if (audience === null) return page(400);
    const iat = Math.floor(now() / 1_000);
    const aud = isStale ? `${audience.split("#")[0]}#n=an-earlier-one` : audience;
    const token = signJwt(signer, { iss: issuer, sub: subject, aud, iat, exp: iat + 600 });
    return form === "value" ? json({ value: token }) : plain(token);
  };
}
