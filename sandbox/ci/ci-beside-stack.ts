import { answerOfTrusts, type TrustRequest } from "../admin/trusts.ts";
import { USUAL_PERMISSIONS } from "../control-plane/build-permissions.ts";
import type { ExchangeServer } from "../control-plane/exchange/http/exchange-server.ts";
import { serveExchange } from "../control-plane/exchange/http/serve-exchange.ts";
import { EXCHANGE_AUDIENCE, type Jobs, TOKEN_TTL_MAX_MS, type TrustOrder } from "../control-plane/exchange/trust.ts";
import type { Stack } from "../stack/stack.ts";
import type { CiJobRequest } from "./ci-job-request.ts";
import { CiPlatforms } from "./platforms/ci-platforms.ts";
import { STAND_IN_IDS } from "./platforms/job-claims.ts";

const LOOPBACK = "127.0.0.1";
const BUILD_TTL_MS = 60 * 60_000;

/** The one project of a sandbox trusts a job of each stand-in. */
const TRUSTED: readonly Jobs[] = [
  { provider: "github", ...STAND_IN_IDS.github, events: ["push", "workflow_dispatch"] },
  { provider: "circleci", ...STAND_IN_IDS.circleci, allowsSshRerun: false },
  { provider: "buildkite", ...STAND_IN_IDS.buildkite },
];

/** Three stand-ins for CI systems beside a sandbox, and the exchange that their jobs go to. */
export class CiBesideStack implements AsyncDisposable {
  readonly #stack: Stack;
  readonly #platforms: CiPlatforms;
  readonly #server: ExchangeServer;

  private constructor(stack: Stack, platforms: CiPlatforms, server: ExchangeServer) {
    this.#stack = stack;
    this.#platforms = platforms;
    this.#server = server;
  }

  static async open(stack: Stack): Promise<CiBesideStack> {
    const platforms = await CiPlatforms.open();
    try {
      const server = await serveExchange(stack.plane, { host: LOOPBACK, port: 0 }, () => stack.endpoint);
      const beside = new CiBesideStack(stack, platforms, server);
      for (const jobs of TRUSTED) beside.answerOfTrusts({ verb: "trust-add", ...beside.#orderFor(jobs) });
      return beside;
    } catch (failure) {
      await platforms[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** Where the exchange is. */
  get url(): string {
    return `https://${LOOPBACK}:${this.#server.port}`;
  }

  /** Keys are the stand-ins', unless others are named. */
  answerOfTrusts(request: TrustRequest): unknown {
    const { exchange } = this.#stack.plane;
    if (request.verb !== "trust-add") return answerOfTrusts(exchange, request);
    return answerOfTrusts(exchange, { jwksUrl: this.#platforms.jwksUrl(request.jobs.provider), ...request });
  }

  /** What a job of a stand-in finds in its environment. */
  environmentOf({ provider, claims }: CiJobRequest): Readonly<Record<string, string>> {
    switch (provider) {
      case "github":
        return this.#platforms.githubEnvironment(claims);
      case "circleci":
        return { CIRCLE_OIDC_TOKEN_V2: this.#platforms.token(provider, STAND_IN_IDS.circleci.organizationId, claims) };
      case "buildkite":
        return { BUILDS_TOKEN: this.#platforms.token(provider, EXCHANGE_AUDIENCE, claims) };
      default:
        return provider satisfies never;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#platforms[Symbol.asyncDispose]();
  }

  #orderFor(jobs: Jobs): TrustOrder {
    const audience = jobs.provider === "circleci" ? jobs.organizationId : EXCHANGE_AUDIENCE;
    const scopes = [...USUAL_PERMISSIONS];
    const bounds = { tokenTtlMs: TOKEN_TTL_MAX_MS, buildTtlMs: BUILD_TTL_MS, isSingleUse: true };
    return { ...this.#stack.ref, jobs, audience, scopes, ...bounds };
  }
}
