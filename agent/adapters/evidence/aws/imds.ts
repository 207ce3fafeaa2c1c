import { ask } from "../metadata/ask.ts";
import type { Budget } from "../metadata/budget.ts";
import type { Question } from "../metadata/question.ts";
import { noEvidence } from "../no-evidence.ts";

export const IMDS = "EC2's instance metadata service";

/** It has to outlive one gathering only. */
const TOKEN_TTL_S = 60;
const TOKEN = /^[\w+/=-]{1,512}$/;

/** All but an error page's: plain for most, JSON for some, and none is promised. */
const TYPES = ["text/plain", "application/json", "application/octet-stream", ""];

const V2_ONLY =
  "this agent speaks IMDSv2 only and never falls back to IMDSv1: is it enabled for this instance, and is this EC2 at all?";

/**
 * A session of IMDSv2: a token first, then questions with it. Source: the EC2 user guide, "Use the
 * Instance Metadata Service to access instance metadata".
 */
export class Imds {
  readonly #baseUrl: string;
  readonly #token: string;
  readonly #budget: Budget;

  private constructor(baseUrl: string, token: string, budget: Budget) {
    this.#baseUrl = baseUrl;
    this.#token = token;
    this.#budget = budget;
  }

  /** @throws {AgentError} "identity.no-evidence" */
  static async open(baseUrl: string, budget: Budget): Promise<Imds> {
    const { text } = await ask(
      {
        whom: IMDS,
        method: "PUT",
        url: new URL("/latest/api/token", baseUrl),
        headers: { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_TTL_S) },
        types: TYPES,
        todo: {
          400: V2_ONLY,
          403: "it is disabled for this instance: enable it (HttpEndpoint)",
          404: V2_ONLY,
          405: V2_ONLY,
          silent:
            "is the agent in a container, out of the hop limit's reach? Run it on the host, or raise HttpPutResponseHopLimit",
          unreachable: "is this EC2?",
        },
      },
      budget,
    );
    if (TOKEN.test(text)) return new Imds(baseUrl, text, budget);
    throw noEvidence(`${IMDS} gave something that is no session token: does something else answer there?`);
  }

  /** @throws {AgentError} "identity.no-evidence" */
  async get(path: string, todo: Question["todo"] = {}): Promise<string> {
    const { text } = await ask(
      {
        whom: IMDS,
        method: "GET",
        url: new URL(path, this.#baseUrl),
        headers: { "X-aws-ec2-metadata-token": this.#token },
        types: TYPES,
        todo: { 401: "the session token was its own; it is asked again", ...todo },
      },
      this.#budget,
    );
    return text;
  }
}
