import { Secret } from "../../core/secret.ts";
import { noEvidence } from "./no-evidence.ts";
import { audiencesOf, hasShapeOfSignedJwt } from "./signed-jwt.ts";

/**
 * The token that was asked for, or an error: something else (a page, an older token from a cache)
 * is never sent. Its signature is the control plane's to check.
 * @param whom who answered, for the error.
 * @throws {AgentError} "identity.no-evidence"
 */
export function boundJwt(text: string, audience: string, whom: string): Secret {
  const jwt = text.trim();
  if (!hasShapeOfSignedJwt(jwt)) throw noEvidence(`${whom} answered with something that is no signed JWT`);
  const audiences = audiencesOf(jwt);
  if (audiences.length === 1 && audiences[0] === audience) return new Secret(jwt);
  throw noEvidence(
    `${whom} answered with a token for another audience than the one that it was asked for: it may come from a cache; it is asked again`,
  );
}
