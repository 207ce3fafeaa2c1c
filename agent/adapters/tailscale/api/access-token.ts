import { Secret } from "../../../core/secret.ts";
import type { TailnetCredential } from "../../../core/tailnet/wish.ts";
import type { Clock } from "../../../ports/clock.ts";
import { apiCall } from "./api-call.ts";
import { apiError, senseless } from "./api-error.ts";

/**
 * The machine's own OIDC token for an audience. @throws {AgentError} "tailnet.no-identity-token"
 */
export type IdentityToken = (audience: string, signal: AbortSignal) => Promise<Secret>;

/** Those with which a token can be had. */
export type ClientCredential = Extract<TailnetCredential, { kind: "oauth-client" | "workload-identity" }>;

/**
 * An access token, good for an hour and used at once. By the client's secret (RFC 6749, 4.4), or in
 * exchange for the machine's own identity token: the published reference of API v2, `/oauth/token`
 * and `/oauth/token-exchange`.
 * @throws {AgentError} "tailnet.wrong-secret", "tailnet.api-unreachable", "tailnet.api-failed",
 * "tailnet.no-identity-token"
 */
export async function accessToken(
  credential: ClientCredential,
  {
    baseUrl,
    clock,
    identityToken,
  }: { readonly baseUrl: string; readonly clock: Clock; readonly identityToken: IdentityToken },
  signal: AbortSignal,
): Promise<Secret> {
  const step = credential.kind === "oauth-client" ? "token" : "token-exchange";
  const form = await formOf(credential, identityToken, signal);
  const answer = await apiCall(
    { method: "POST", baseUrl, path: `/api/v2/oauth/${step}`, headers: {}, body: form },
    clock,
    signal,
  );
  if (answer.status !== 200) throw apiError(step, credential.clientId, answer);
  const token: unknown = Reflect.get(Object(answer.json), "access_token");
  if (typeof token !== "string" || token === "") throw senseless(step);
  return new Secret(token);
}

async function formOf(
  credential: ClientCredential,
  identityToken: IdentityToken,
  signal: AbortSignal,
): Promise<URLSearchParams> {
  const { clientId } = credential;
  if (credential.kind === "workload-identity") {
    const jwt = await identityToken(credential.audience, signal);
    return new URLSearchParams({ client_id: clientId, jwt: jwt.reveal() });
  }
  return new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: credential.clientSecret.reveal(),
  });
}
