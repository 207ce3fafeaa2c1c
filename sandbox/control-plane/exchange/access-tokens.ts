import { createHash, randomBytes } from "node:crypto";
import type { Commits } from "../kept/commits.ts";
import { ExchangeRefusal } from "./exchange-refusal.ts";
import type { AccessToken } from "./kept.ts";

/** Far more than jobs that begin within a quarter of an hour. */
const TOKENS_MAX = 4_096;
const BUILDS_OF_A_TOKEN_MAX = 16;

/**
 * Access tokens, kept as SHA-256 only. An expired one opens nothing any more, and is remembered for
 * as long as a build that it opened is open: it may still end that.
 */
export class AccessTokens {
  readonly #bySha256: Map<string, AccessToken>;
  readonly #commits: Commits;
  readonly #now: () => number;
  readonly #isOpen: (buildId: string) => boolean;
  /** Builds that are noted, and may not be open yet. */
  readonly #opening = new Set<string>();

  constructor(
    parts: { readonly commits: Commits; readonly now: () => number; readonly isOpen: (buildId: string) => boolean },
    recalled: readonly AccessToken[],
  ) {
    this.#commits = parts.commits;
    this.#now = parts.now;
    this.#isOpen = parts.isOpen;
    this.#bySha256 = new Map(recalled.map((token) => [token.sha256, token]));
  }

  kept(): AccessToken[] {
    return [...this.#bySha256.values()];
  }

  /** @throws {ExchangeRefusal} when there are too many. */
  issue(grants: AccessToken["grants"], ttlMs: number): string {
    this.#forgetOld();
    if (this.#bySha256.size >= TOKENS_MAX)
      throw ExchangeRefusal.forNow("too-many-tokens", "Too many access tokens are in use.");
    const token = randomBytes(32).toString("base64url");
    const sha256 = digest(token);
    this.#become(sha256, undefined, { sha256, expiresAtMs: this.#now() + ttlMs, grants, builds: [] });
    return token;
  }

  /** The one that may open builds now. @throws {ExchangeRefusal} 401 */
  alive(token: string): AccessToken {
    const known = this.#bySha256.get(digest(token));
    if (known !== undefined && this.#now() < known.expiresAtMs) return known;
    throw ExchangeRefusal.unauthorized();
  }

  /** The one that opened this build, expired or not. @throws {ExchangeRefusal} 401, 404 */
  opener(token: string, buildId: string): AccessToken {
    const known = this.#bySha256.get(digest(token));
    if (known === undefined) throw ExchangeRefusal.unauthorized();
    if (known.builds.includes(buildId) && this.#isOpen(buildId)) return known;
    throw new ExchangeRefusal(
      404,
      "invalid_request",
      "build-not-open",
      "This token opened no such build that is open.",
    );
  }

  /**
   * Notes a build while `open` opens it, so that whoever opens it can end it, whatever happens.
   * @throws {ExchangeRefusal} when it has too many; when the token is withdrawn meanwhile; what
   * `open` throws.
   */
  async noting<T>({ sha256 }: AccessToken, buildId: string, open: () => Promise<T>): Promise<T> {
    const token = this.#bySha256.get(sha256);
    if (token === undefined) throw ExchangeRefusal.unauthorized();
    const builds = token.builds.filter((id) => this.#counts(id));
    if (builds.length >= BUILDS_OF_A_TOKEN_MAX)
      throw ExchangeRefusal.forNow(
        "too-many-builds",
        `A token may have ${BUILDS_OF_A_TOKEN_MAX} builds open at a time.`,
      );
    this.#become(sha256, token, { ...token, builds: [...builds, buildId] });
    this.#opening.add(buildId);
    try {
      const opened = await open();
      if (!this.#bySha256.has(sha256)) throw ExchangeRefusal.unauthorized();
      return opened;
    } finally {
      this.#opening.delete(buildId);
    }
  }

  /** Every token that this trust had a part in is worth nothing now; gives the builds of those. */
  withdraw(trustId: string): readonly string[] {
    const affected = this.kept().filter(({ grants }) => grants.some((grant) => grant.trustId === trustId));
    for (const token of affected) this.#become(token.sha256, token, undefined);
    return affected.flatMap(({ builds }) => builds).filter((buildId) => this.#isOpen(buildId));
  }

  #become(sha256: string, before: AccessToken | undefined, after: AccessToken | undefined): void {
    const put = (token: AccessToken | undefined): void => {
      if (token === undefined) this.#bySha256.delete(sha256);
      else this.#bySha256.set(sha256, token);
    };
    this.#commits.make({ apply: () => put(after), undo: () => put(before) });
  }

  #counts(buildId: string): boolean {
    return this.#opening.has(buildId) || this.#isOpen(buildId);
  }

  /** Not a change that has to be kept: a restart would forget them as well. */
  #forgetOld(): void {
    const nowMs = this.#now();
    for (const [sha256, { expiresAtMs, builds }] of this.#bySha256)
      if (expiresAtMs <= nowMs && !builds.some((buildId) => this.#counts(buildId))) this.#bySha256.delete(sha256);
  }
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
