import { AgentError } from "../../core/errors.ts";
import type { Metadata, MetadataAnswer } from "../../ports/metadata.ts";
import { notUnderstood } from "./not-understood.ts";

export const IMDS = "EC2's instance metadata service";

/** The longest that there is: an idle machine asks for a token four times a day. */
const TOKEN_TTL_S = 21_600;
/** A token is not used in its last seconds. */
const MARGIN_MS = 15_000;
/** It answers within milliseconds. */
const LIMIT_MS = 2_000;
const TOKEN = /^[\w+/=-]{1,512}$/;
/** All but an error page's: plain for most, JSON for some, and none is promised. */
const TYPES = ["text/plain", "application/json", "application/octet-stream", ""];
const NOT_THERE = "is this EC2? notices.platform says whom to ask";

/**
 * A session of IMDSv2 that is kept: its token is asked for anew before it ends, or when it is no
 * longer known. Never falls back to IMDSv1.
 */
export class AwsSession {
  readonly #metadata: Metadata;
  readonly #baseUrl: string;
  #token: Promise<string> | undefined;
  #goodUntilMs = 0;

  constructor(metadata: Metadata, baseUrl: string) {
    this.#metadata = metadata;
    this.#baseUrl = baseUrl;
  }

  /**
   * What lies at this path; undefined: there is nothing (404).
   * @throws {AgentError} "metadata.no-answer"
   */
  async get(path: string, signal: AbortSignal): Promise<MetadataAnswer | undefined> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#ask(path, await this.token(signal), signal);
      if (answer.status === 404) return undefined;
      if (answer.status === 200) return answer;
      this.#token = undefined;
      if (tries === 2)
        throw new AgentError("metadata.no-answer", `${IMDS} does not know the token that it has just given (401)`, {
          retryable: true,
        });
    }
  }

  /** Questions that come together share one. */
  async token(signal: AbortSignal): Promise<string> {
    if (this.#token === undefined || performance.now() >= this.#goodUntilMs) {
      this.#goodUntilMs = performance.now() + TOKEN_TTL_S * 1_000 - MARGIN_MS;
      this.#token = this.#askForToken(signal);
    }
    const token = this.#token;
    try {
      return await token;
    } catch (failure) {
      if (this.#token === token) this.#token = undefined;
      throw failure;
    }
  }

  async #askForToken(signal: AbortSignal): Promise<string> {
    const question = {
      whom: IMDS,
      method: "PUT",
      url: new URL("/latest/api/token", this.#baseUrl),
      headers: { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_TTL_S) },
      types: TYPES,
      todo: { silent: NOT_THERE, unreachable: NOT_THERE, 404: NOT_THERE },
    } as const;
    const { text } = await this.#metadata.ask(question, LIMIT_MS, signal);
    if (TOKEN.test(text)) return text;
    throw notUnderstood(IMDS, "a session token");
  }

  #ask(path: string, token: string, signal: AbortSignal): Promise<MetadataAnswer> {
    const question = {
      whom: IMDS,
      method: "GET",
      url: new URL(path, this.#baseUrl),
      headers: { "X-aws-ec2-metadata-token": token },
      // A page says that there is nothing, too.
      types: [...TYPES, "text/html"],
      answers: [200, 401, 404],
      todo: { silent: NOT_THERE, unreachable: NOT_THERE },
    } as const;
    return this.#metadata.ask(question, LIMIT_MS, signal);
  }
}
