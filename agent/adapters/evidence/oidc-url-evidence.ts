import type { EvidenceSource } from "../../ports/evidence.ts";
import { boundAudience } from "./bound-audience.ts";
import { boundJwt } from "./bound-jwt.ts";
import { ask } from "./metadata/ask.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { jsonObject } from "./metadata/json-object.ts";
import { named, type Question } from "./metadata/question.ts";
import { readToken } from "./token-file.ts";

export interface OidcUrlPlace {
  readonly oidcUrl: string;
  /** A bearer token that lets us ask. Absent: none is needed. */
  readonly tokenFile?: string;
}

/**
 * A token for the bound audience from a URL, to which `audience` is added. It answers with the
 * token, or with JSON that has it as "value" (GitHub's runners) or "id_token".
 */
export function oidcUrlEvidence(options: OidcUrlPlace & Bounded): EvidenceSource {
  return {
    kind: "oidc-url",
    async gather(challenge, key, signal) {
      using budget = new Budget(options, signal);
      const audience = boundAudience(challenge, key);
      const url = new URL(options.oidcUrl);
      url.searchParams.set("audience", audience);
      const bearer = options.tokenFile === undefined ? undefined : await readToken(options.tokenFile, signal);
      const question: Question = {
        whom: "The token URL",
        method: "GET",
        url,
        ...(bearer !== undefined && { headers: { Authorization: `Bearer ${bearer.reveal()}` } }),
        types: ["text/plain", "application/jwt", "application/json", ""],
        todo: {
          401: "is identity.tokenFile given, and its token still good?",
          unreachable: "is identity.oidcUrl right?",
        },
      };
      const { text } = await ask(question, budget);
      return { kind: "oidc-token", jwt: boundJwt(tokenIn(text), audience, named(question)) };
    },
  };
}

function tokenIn(text: string): string {
  const json = jsonObject(text);
  const token = json?.["value"] ?? json?.["id_token"];
  return typeof token === "string" ? token : text;
}
