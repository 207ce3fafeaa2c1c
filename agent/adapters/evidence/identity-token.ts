import { AgentError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { audiencesOf, hasShapeOfSignedJwt } from "./signed-jwt.ts";
import { readToken } from "./token-file.ts";

/**
 * This machine's own OIDC token for an audience, from a file that the platform keeps fresh. Whether
 * it is genuine is for whoever it is shown to; one that is meant for others is not shown.
 * `tokenFile` undefined: this machine has none. `audience` "": whichever it is for.
 * @throws {AgentError} "tailnet.no-identity-token" (retryable: the platform may write another one).
 */
export function identityTokens(
  tokenFile: string | undefined,
): (audience: string, signal: AbortSignal) => Promise<Secret> {
  return async (audience, signal) => {
    if (tokenFile === undefined)
      throw noToken(
        "This machine has no identity token: set tailnet.identityTokenFile to the file that its platform writes",
      );
    const token = await read(tokenFile, signal);
    const audiences = audiencesOf(token.reveal());
    if (audience === "" || audiences.includes(audience)) return token;
    throw noToken(
      `The identity token in ${tokenFile} is for the audience ${audiences.join(", ") || "of nobody"}, not for ${audience}: have the platform write one for that`,
    );
  };
}

async function read(tokenFile: string, signal: AbortSignal): Promise<Secret> {
  let token: Secret;
  try {
    token = await readToken(tokenFile, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw noToken(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (hasShapeOfSignedJwt(token.reveal())) return token;
  throw noToken(`The identity token file ${tokenFile} does not hold a signed JWT`);
}

function noToken(message: string, cause?: unknown): AgentError {
  return new AgentError("tailnet.no-identity-token", message, { retryable: true, cause });
}
