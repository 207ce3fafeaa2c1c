import { requireAllowed } from "../allowed.ts";
import { requireBoundAudience } from "../challenge.ts";
import { audiencesOf, soleAudience } from "../jwt/audience.ts";
import { readCompactJwt } from "../jwt/compact.ts";
import type { IssuerKeys } from "../jwt/key-provider.ts";
import { spendJwt } from "../jwt/one-use.ts";
import { type Algorithm, verifyJwt } from "../jwt/verify-jwt.ts";
import { textMember } from "../members.ts";
import { Refused } from "../refusal.ts";
import { isJsonObject, type JsonObject, member } from "../strict-json.ts";
import { issuerOf } from "./issuer.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Oidc {
  readonly kind: "oidc";
  readonly jwt: string;
}

export interface OidcPolicy {
  readonly issuers: readonly OidcIssuer[];
}

/** An issuer whose word on machines is taken. `flyIssuer` and `kubernetesIssuer` make one. */
export interface OidcIssuer {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  readonly keys: IssuerKeys;
  readonly algorithms: readonly Algorithm[];
  /**
   * "bound" to challenge and key, where the agent asks for each token. "plain" where the platform
   * writes it to a file: for the audience alone. "plain-among-others" also takes a token that is
   * good elsewhere, so that whoever gets it there can register here.
   */
  readonly audience: "bound" | "plain" | "plain-among-others";
  /** Every one has to hold; without any, nobody is let in. */
  readonly claims: readonly {
    /** Names from the outside in: ["kubernetes.io", "namespace"]. */
    readonly path: readonly string[];
    readonly allowed: readonly string[];
  }[];
  /** Where the machine's own name is, unique for this issuer. */
  readonly instancePath: readonly string[];
  /** Whether a token is good for one registration (as a rule), or for as many as it lives. */
  readonly isSingleUse: boolean;
  /** The most that a token may live, seconds. */
  readonly mostLifetimeS: number;
}

export interface OidcClaims {
  readonly kind: "oidc";
  readonly instance: string;
  readonly issuer: string;
  readonly subject: string;
  /** Of the claims that had to hold, in the order of the policy. */
  readonly values: readonly string[];
  /** Whether the token was made for this challenge and this key. */
  readonly isBound: boolean;
}

const NAME = /^[\x21-\x7e]{1,255}$/;
export const MOST_LIFETIME_S = 3_600;

export async function verifyOidc(
  { jwt }: Oidc,
  policy: OidcPolicy,
  { challenge, nowMs, spent }: Surroundings,
): Promise<OidcClaims> {
  const token = readCompactJwt(jwt);
  const trusted = issuerOf(token, policy.issuers);
  const verified = await verifyJwt(token, trusted, nowMs);
  const { claims } = verified;
  requireAudience(trusted, claims, challenge);
  if (trusted.claims.length === 0) throw new Refused("not-allowed", "No claim is configured to tell who is let in.");
  const values = trusted.claims.map(({ path }) => nameAt(claims, path));
  for (const [index, { path, allowed }] of trusted.claims.entries())
    requireAllowed(path.join("."), values[index] ?? "", allowed);
  const subject = textMember(claims, "sub", NAME);
  const instance = `oidc/${trusted.issuer}/${nameAt(claims, trusted.instancePath)}`;
  if (trusted.isSingleUse) await spendJwt(spent, token, verified);
  return { kind: "oidc", instance, issuer: trusted.issuer, subject, values, isBound: trusted.audience === "bound" };
}

function requireAudience({ audience }: OidcIssuer, claims: JsonObject, challenge: Surroundings["challenge"]): void {
  if (audience === "bound") {
    requireBoundAudience(soleAudience(claims), challenge);
    return;
  }
  const audiences = audience === "plain" ? [soleAudience(claims)] : audiencesOf(claims);
  if (!audiences.includes(challenge.audience))
    throw new Refused("audience-mismatch", "The token is for another audience.");
}

/** @throws {Refused} "instance-unnamed", "malformed" */
function nameAt(claims: JsonObject, path: readonly string[]): string {
  let value: unknown = claims;
  for (const name of path) value = isJsonObject(value) ? member(value, name) : undefined;
  if (value === undefined) throw new Refused("instance-unnamed", `The token has no claim ${path.join(".")}.`);
  if (typeof value !== "string" || !NAME.test(value))
    throw new Refused("malformed", `The token's claim ${path.join(".")} is not a name.`);
  return value;
}
