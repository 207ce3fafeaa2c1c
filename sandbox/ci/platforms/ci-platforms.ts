import { generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Provider } from "../../control-plane/exchange/trust.ts";
import { MetadataServer } from "../../metadata/metadata-server.ts";
import { json, page, type Replier } from "../../metadata/reply.ts";
import { type JwtSigner, publicJwk, signJwt } from "../../metadata/sign-jwt.ts";
import { type JobClaims, jobClaims } from "./job-claims.ts";

const makeKeys = promisify(generateKeyPair);
const PROVIDERS = ["github", "circleci", "buildkite"] as const satisfies readonly Provider[];
const TOKEN_PATH = "/github/token";

type Signers = Readonly<Record<Provider, JwtSigner>>;

/**
 * Stands in for three CI systems, on this machine's loopback: their keys, the tokens of their jobs,
 * and GitHub's address where a job asks for one. Issuers are named as the real ones are, so whoever
 * takes these keys takes these jobs for theirs.
 */
export class CiPlatforms implements AsyncDisposable {
  readonly #server: MetadataServer;
  readonly #signers: Signers;
  readonly #bearer: string;
  readonly #changes: Map<string, JobClaims>;

  private constructor(
    server: MetadataServer,
    parts: { signers: Signers; bearer: string; changes: Map<string, JobClaims> },
  ) {
    this.#server = server;
    this.#signers = parts.signers;
    this.#bearer = parts.bearer;
    this.#changes = parts.changes;
  }

  static async open(): Promise<CiPlatforms> {
    const [github, circleci, buildkite] = await Promise.all(PROVIDERS.map(makeSigner));
    if (github === undefined || circleci === undefined || buildkite === undefined) throw new Error("there is no key");
    const parts = {
      signers: { github, circleci, buildkite },
      bearer: randomBytes(24).toString("base64url"),
      changes: new Map<string, JobClaims>(),
    };
    return new CiPlatforms(await MetadataServer.listen({ replier: replier(parts) }), parts);
  }

  jwksUrl(provider: Provider): string {
    return `${this.#server.url}/${provider}/jwks`;
  }

  /** A job's token; `changes` replaces claims, and one that is undefined takes it away. */
  token(provider: Provider, audience: string, changes: JobClaims = {}): string {
    return signJwt(this.#signers[provider], { ...jobClaims(provider, audience, Date.now()), ...changes });
  }

  /**
   * What GitHub's runner gives a job that may have a token: where to ask, and a secret to ask with.
   */
  githubEnvironment(changes: JobClaims = {}): Readonly<Record<string, string>> {
    const job = randomBytes(8).toString("hex");
    const [oldest] = this.#changes.keys();
    if (this.#changes.size >= JOBS_MAX && oldest !== undefined) this.#changes.delete(oldest);
    this.#changes.set(job, changes);
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${this.#server.url}${TOKEN_PATH}?api-version=2.0&job=${job}`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: this.#bearer,
      GITHUB_ACTIONS: "true",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

const JOBS_MAX = 100;

async function makeSigner(provider: Provider): Promise<JwtSigner> {
  const { privateKey } = await makeKeys("rsa", { modulusLength: 2_048 });
  return { algorithm: "RS256", kid: `${provider}-stand-in`, privateKey };
}

/**
 * Source of the token's address: GitHub's documentation, "OpenID Connect in cloud providers", on
 * custom actions: GET with `&audience=` and the bearer, answered with `{"value": …}`.
 */
function replier(parts: { signers: Signers; bearer: string; changes: ReadonlyMap<string, JobClaims> }): Replier {
  const { signers, bearer, changes } = parts;
  return ({ method, path, query, headers }) => {
    const provider = PROVIDERS.find((one) => path === `/${one}/jwks`);
    if (method !== "GET") return page(405);
    if (provider !== undefined) return json({ keys: [publicJwk(signers[provider])] });
    if (path !== TOKEN_PATH) return page(404);
    if (headers.authorization?.toLowerCase() !== `bearer ${bearer}`.toLowerCase()) return page(401);
    const audience = query.get("audience") ?? "https://github.com/acme";
    const claims = { ...jobClaims("github", audience, Date.now()), ...changes.get(query.get("job") ?? "") };
    return json({ count: 1, value: signJwt(signers.github, claims) });
  };
}
