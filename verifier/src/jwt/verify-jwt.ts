import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyOptions, jwtVerify } from "jose";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { type JsonObject, member } from "../strict-json.ts";
import type { UnverifiedJwt } from "./compact.ts";
import type { IssuerKeys, KeyProvider } from "./key-provider.ts";

/** How far an issuer's clock may be from ours, seconds. */
export const LEEWAY_S = 60;

export type Algorithm = "RS256" | "ES256" | "ES384";

export interface JwtRules {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  readonly keys: IssuerKeys;
  readonly algorithms: readonly Algorithm[];
  /** The most that may lie between `iat` and `exp`, seconds. */
  readonly mostLifetimeS: number;
}

export interface VerifiedJwt {
  readonly claims: JsonObject;
  readonly expiresAtMs: number;
}

/**
 * Verifies signature, issuer and times; the audience is the caller's.
 * @throws {Refused} "algorithm-not-allowed", "issuer-unknown", "key-unknown", "keys-unavailable",
 * "signature-invalid", "time-missing", "expired", "not-yet-valid", "lifetime-too-long", "malformed"
 */
export async function verifyJwt(token: UnverifiedJwt, rules: JwtRules, nowMs: number): Promise<VerifiedJwt> {
  const algorithm = member(token.header, "alg");
  if (!rules.algorithms.some((one) => one === algorithm))
    throw new Refused("algorithm-not-allowed", `The token is signed with ${quoted(algorithm)}.`);
  const options: JWTVerifyOptions = {
    issuer: rules.issuer,
    algorithms: [...rules.algorithms],
    currentDate: new Date(nowMs),
    clockTolerance: LEEWAY_S,
    maxTokenAge: rules.mostLifetimeS,
    requiredClaims: ["exp"],
  };
  const claims = await verifyWithKeys(token.jwt, rules.keys, options);
  const [issuedAtS, expiresAtS] = [Number(member(claims, "iat")), Number(member(claims, "exp"))];
  if (expiresAtS - issuedAtS > rules.mostLifetimeS)
    throw new Refused("lifetime-too-long", `The token is good for more than ${rules.mostLifetimeS} s.`);
  return { claims, expiresAtMs: expiresAtS * 1_000 };
}

async function verifyWithKeys(jwt: string, keys: IssuerKeys, options: JWTVerifyOptions): Promise<JsonObject> {
  const provider: KeyProvider = "keys" in keys ? keySetAsIs(keys) : keys;
  try {
    return await verifyWith(jwt, await provider.current(), options);
  } catch (failure) {
    if (!(failure instanceof errors.JWKSNoMatchingKey)) throw asRefused(failure);
    const renewed = await provider.renewed();
    if (renewed === undefined) throw asRefused(failure);
    return verifyWith(jwt, renewed, options).catch((again: unknown) => {
      throw asRefused(again);
    });
  }
}

function keySetAsIs(keys: JSONWebKeySet): KeyProvider {
  return { current: () => Promise.resolve(keys), renewed: () => Promise.resolve(undefined) };
}

/** jose imports each key once for as long as this function lives. */
const keyFinders = new WeakMap<JSONWebKeySet, ReturnType<typeof createLocalJWKSet>>();

async function verifyWith(jwt: string, keys: JSONWebKeySet, options: JWTVerifyOptions): Promise<JsonObject> {
  const finder = keyFinders.get(keys) ?? createLocalJWKSet(keys);
  keyFinders.set(keys, finder);
  return { ...(await jwtVerify(jwt, finder, options)).payload };
}

/** jose's failures in our words; its messages are kept as the cause only. */
function asRefused(failure: unknown): Refused {
  if (failure instanceof Refused) return failure;
  if (failure instanceof errors.JWTExpired) return new Refused("expired", "The token has expired.", failure);
  if (failure instanceof errors.JWTClaimValidationFailed) return claimRefused(failure);
  if (failure instanceof errors.JWSSignatureVerificationFailed)
    return new Refused("signature-invalid", "The token is not signed by the issuer's key that it names.", failure);
  if (failure instanceof errors.JWKSNoMatchingKey || failure instanceof errors.JWKSMultipleMatchingKeys)
    return new Refused("key-unknown", "The token is signed by a key that is not among the issuer's.", failure);
  if (failure instanceof errors.JOSEError) return new Refused("malformed", "The token is no JWT.", failure);
  return new Refused("key-unknown", "The issuer's key that the token names is not fit for use.", failure);
}

function claimRefused(failure: errors.JWTClaimValidationFailed): Refused {
  const { claim, reason } = failure;
  if (claim === "iss") return new Refused("issuer-unknown", "The token is of another issuer.", failure);
  if (reason === "missing")
    return new Refused("time-missing", "The token does not say when it was issued, or when it expires.", failure);
  if (reason === "check_failed")
    return new Refused("not-yet-valid", `The token is from more than ${LEEWAY_S} s in the future.`, failure);
  return new Refused("malformed", "One of the token's times is not a number.", failure);
}
