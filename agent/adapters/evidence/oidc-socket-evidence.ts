import type { EvidenceSource } from "../../ports/evidence.ts";
import { boundAudience } from "./bound-audience.ts";
import { boundJwt } from "./bound-jwt.ts";
import { ask } from "./metadata/ask.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { named, type Question } from "./metadata/question.ts";

export interface OidcSocketPlace {
  /** A unix socket. */
  readonly oidcSocket: string;
}

/**
 * A token for the bound audience from a platform's unix socket. Source: Fly.io's documentation,
 * "OpenID Connect": the answer is the token and nothing else.
 */
export function oidcSocketEvidence(options: OidcSocketPlace & Bounded): EvidenceSource {
  return {
    kind: "oidc-socket",
    async gather(challenge, key, signal) {
      using budget = new Budget(options, signal);
      const audience = boundAudience(challenge, key);
      const question: Question = {
        whom: "The platform's token socket",
        method: "POST",
        url: new URL("http://localhost/v1/tokens/oidc"),
        socketPath: options.oidcSocket,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ aud: audience }),
        // None is documented.
        types: ["text/plain", "application/jwt", "application/json", "application/octet-stream", ""],
        todo: { unreachable: "is this a machine of Fly.io? Else set identity.oidcSocket" },
      };
      const { text } = await ask(question, budget);
      return { kind: "oidc-token", jwt: boundJwt(text, audience, named(question)) };
    },
  };
}
