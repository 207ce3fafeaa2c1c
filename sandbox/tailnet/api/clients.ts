import { createHash, type JsonWebKey, randomBytes } from "node:crypto";
import { Refused, tokenInvalid } from "./answer.ts";
import { JwtInvalid, unverifiedIssuer, verifyJwt } from "./jwt.ts";

/**
 * What may be done with an access token of a client:
 * https://tailscale.com/kb/1623/trust-credentials#scopes
 */
export type Scope = "auth_keys" | "devices:core";

/** What its owner lets a client do. */
export interface ClientRights {
  readonly scopes: readonly Scope[];
  /** "tag:…", at least one where a scope is about nodes. */
  readonly tags: readonly string[];
}

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A workload that comes with a token of its own issuer instead of a secret. */
export interface FederatedIdentity {
  readonly issuer: string;
  /** Exactly, or with "*" for anything. */
  readonly subject: string;
  /** Default: "api.tailscale.com/" and the client's id. */
  readonly audience?: string;
  /** The issuer's public keys, as its JWKS document lists them. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
}

/** https://tailscale.com/kb/1215/oauth-clients: access tokens are good for an hour. */
export const ACCESS_TOKEN_LIFETIME_S = 3_600;
const LEEWAY_MS = 30_000;

/** Who may ask for access tokens, and what each of those is good for. */
export class Clients {
  readonly #secrets = new Map<string, ClientRights & OAuthClient>();
  readonly #identities = new Map<string, ClientRights & FederatedIdentity>();
  /** By the hash of the access token: a memory dump of a test shall not be a list of tokens. */
  readonly #tokens = new Map<string, ClientRights & { readonly untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  addClient(rights: ClientRights): OAuthClient {
    const clientId = `k${randomBytes(6).toString("hex")}CNTRL`;
    const clientSecret = `tskey-client-${clientId}-${randomBytes(16).toString("hex")}`;
    this.#secrets.set(clientId, { ...rights, clientId, clientSecret });
    return { clientId, clientSecret };
  }

  addIdentity(
    identity: FederatedIdentity,
    rights: ClientRights,
  ): { readonly clientId: string; readonly audience: string } {
    const clientId = `T${randomBytes(6).toString("hex")}CNTRL-${randomBytes(4).toString("hex")}`;
    const audience = identity.audience ?? `api.tailscale.com/${clientId}`;
    this.#identities.set(clientId, { ...identity, ...rights, audience });
    return { clientId, audience };
  }

  /** From now on neither it nor what it was given is good for anything. */
  revoke(clientId: string): void {
    this.#secrets.delete(clientId);
    this.#identities.delete(clientId);
    this.#tokens.clear();
  }

  /** @throws {Refused} 401 */
  bySecret(clientId: string, clientSecret: string): ClientRights {
    const client = this.#secrets.get(clientId);
    if (client === undefined || client.clientSecret !== clientSecret) throw tokenInvalid();
    return client;
  }

  /** @throws {Refused} 401 with the claim at fault. */
  byJwt(clientId: string, jwt: string): ClientRights {
    const identity = this.#identities.get(clientId);
    if (identity === undefined) throw tokenInvalid();
    try {
      if (unverifiedIssuer(jwt) !== identity.issuer) throw new JwtInvalid("is of another issuer");
      this.#checkClaims(verifyJwt(jwt, identity.jwks.keys).claims, identity);
      return identity;
    } catch (failure) {
      if (failure instanceof JwtInvalid) throw new Refused(401, `the jwt ${failure.message}`);
      throw failure;
    }
  }

  issueToken(rights: ClientRights): string {
    const token = `tskey-api-${randomBytes(20).toString("hex")}`;
    this.#tokens.set(hashOf(token), { ...rights, untilMs: this.#now() + ACCESS_TOKEN_LIFETIME_S * 1_000 });
    return token;
  }

  /** @throws {Refused} 401; 403 where the token is good, but not for this. */
  byToken(token: string, scope: Scope): ClientRights {
    const rights = this.#tokens.get(hashOf(token));
    if (rights === undefined || rights.untilMs <= this.#now()) throw tokenInvalid();
    if (rights.scopes.includes(scope)) return rights;
    throw new Refused(403, "calling actor does not have enough permissions to perform this function");
  }

  #checkClaims(claims: Readonly<Record<string, unknown>>, { audience, subject }: FederatedIdentity): void {
    const { aud, sub, exp, nbf } = claims;
    if (!(Array.isArray(aud) ? aud : [aud]).includes(audience)) throw new JwtInvalid("is for another audience");
    const parts = subject.split("*").map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`));
    if (!new RegExp(`^${parts.join(".*")}$`).test(String(sub))) throw new JwtInvalid("is of another subject");
    if (typeof exp !== "number" || exp * 1_000 <= this.#now()) throw new JwtInvalid("has expired");
    if (typeof nbf === "number" && nbf * 1_000 > this.#now() + LEEWAY_MS) throw new JwtInvalid("is not valid yet");
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
