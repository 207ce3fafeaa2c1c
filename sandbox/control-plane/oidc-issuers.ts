import { createHash, type JsonWebKey } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { JwtInvalid, unverifiedIssuer, verifyJwt } from "./jwt.ts";
import type { Entitlement } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** An issuer whose word on machines is taken. */
export interface TrustedIssuer {
  /** Compared exactly with the claim `iss`. */
  readonly issuer: string;
  /** Its public keys, as its JWKS document lists them. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  /** By the claim `sub`: whose machine it is. A subject that is not named is nobody's. */
  readonly subjects: Readonly<Record<string, Entitlement>>;
  /** Default: the control plane's own audience. */
  readonly audience?: string;
  /** Whether a token may register once only (default), or as often as it lives. */
  readonly singleUse?: boolean;
}

/** How far an issuer's clock may be ahead of ours. */
const LEEWAY_MS = 30_000;

export class OidcIssuers {
  readonly #issuers = new Map<string, TrustedIssuer>();
  readonly #spentUntilMs = new Map<string, number>();
  readonly #audience: string;
  readonly #now: () => number;

  constructor(audience: string, now: () => number) {
    this.#audience = audience;
    this.#now = now;
  }

  trust(issuer: TrustedIssuer): void {
    this.#issuers.set(issuer.issuer, issuer);
  }

  /** @throws {Refusal} UNAUTHENTICATED, with the claim at fault; never with the token. */
  redeem(jwt: string): Entitlement {
    try {
      const issuer = this.#issuers.get(unverifiedIssuer(jwt) ?? "");
      if (issuer === undefined) throw new JwtInvalid("is of an issuer that is not trusted here");
      const { claims } = verifyJwt(jwt, issuer.jwks.keys);
      const expiresAtMs = this.#checkTimes(claims);
      const wanted = issuer.audience ?? this.#audience;
      const audience = claims["aud"];
      if (!(Array.isArray(audience) ? audience : [audience]).includes(wanted))
        throw new JwtInvalid(`is not for the audience "${wanted}"`);
      const subject = String(claims["sub"]);
      const entitlement = Object.hasOwn(issuer.subjects, subject) ? issuer.subjects[subject] : undefined;
      if (entitlement === undefined) throw new JwtInvalid("is of a subject that no project is known for");
      if (issuer.singleUse ?? true) this.#spend(jwt, expiresAtMs);
      return entitlement;
    } catch (failure) {
      if (!(failure instanceof JwtInvalid)) throw failure;
      throw new Refusal(status.UNAUTHENTICATED, `attestation.oidc_token.jwt: ${failure.message}`, failure);
    }
  }

  #checkTimes(claims: Readonly<Record<string, unknown>>): number {
    const { exp, nbf } = claims;
    if (typeof exp !== "number" || !(this.#now() < exp * 1_000))
      throw new JwtInvalid("has expired, or does not say when it does");
    if (nbf !== undefined && !(typeof nbf === "number" && nbf * 1_000 <= this.#now() + LEEWAY_MS))
      throw new JwtInvalid("is not valid yet");
    return exp * 1_000;
  }

  /** By the signed part: a signature can be written in more than one way. */
  #spend(jwt: string, expiresAtMs: number): void {
    for (const [token, until] of this.#spentUntilMs) if (until <= this.#now()) this.#spentUntilMs.delete(token);
    const signed = createHash("sha256")
      .update(jwt.slice(0, jwt.lastIndexOf(".")))
      .digest("hex");
    if (this.#spentUntilMs.has(signed)) throw new JwtInvalid("has been used before");
    this.#spentUntilMs.set(signed, expiresAtMs);
  }
}
