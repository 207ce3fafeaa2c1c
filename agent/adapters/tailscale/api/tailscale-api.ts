import { AgentError } from "../../../core/errors.ts";
import { Secret } from "../../../core/secret.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ApiOrder, TailnetApi } from "../../../ports/tailnet.ts";
import { accessToken, type ClientCredential, type IdentityToken } from "./access-token.ts";
import { apiCall } from "./api-call.ts";
import { apiError, senseless } from "./api-error.ts";

/** The key is used within seconds of being made. */
const KEY_LIFE_S = 300;
/** The reference allows so many letters, digits, dashes and spaces. */
const DESCRIPTION_MAX_CHARS = 50;

export interface TailscaleApiOptions {
  /** Where the order names none. */
  readonly baseUrl: string;
  readonly identityToken: IdentityToken;
  readonly clock: Clock;
}

/**
 * API v2 of the service, by two calls: an access token, then what it is for. Nothing is kept
 * between calls.
 */
export class TailscaleApi implements TailnetApi {
  readonly #options: TailscaleApiOptions;

  constructor(options: TailscaleApiOptions) {
    this.#options = options;
  }

  async mintKey(
    { credential, apiUrl, tags, description }: Parameters<TailnetApi["mintKey"]>[0],
    signal: AbortSignal,
  ): Promise<Secret> {
    if (credential.kind === "auth-key") return credential.key;
    if (credential.kind === "none")
      throw new AgentError("tailnet.not-permitted", "There is no credential to make an auth key with", {
        retryable: false,
      });
    const create = { reusable: false, ephemeral: true, preauthorized: true, tags };
    const body = {
      capabilities: { devices: { create } },
      expirySeconds: KEY_LIFE_S,
      description: description.replaceAll(/[^A-Za-z0-9 -]/g, "-").slice(0, DESCRIPTION_MAX_CHARS),
    };
    const answer = await this.#call(
      credential,
      apiUrl,
      { method: "POST", path: "/api/v2/tailnet/-/keys", body },
      signal,
    );
    if (answer.status !== 200) throw apiError("key", credential.clientId, answer);
    const key: unknown = Reflect.get(Object(answer.json), "key");
    if (typeof key !== "string" || key === "") throw senseless("key");
    return new Secret(key);
  }

  async removeDevice(
    { credential, apiUrl, nodeId }: ApiOrder & { readonly nodeId: string },
    signal: AbortSignal,
  ): Promise<"removed" | "not-listed" | "not-permitted"> {
    if (credential.kind === "auth-key" || credential.kind === "none") return "not-permitted";
    const path = `/api/v2/device/${encodeURIComponent(nodeId)}`;
    const answer = await this.#call(credential, apiUrl, { method: "DELETE", path }, signal);
    if (answer.status === 404) return "not-listed";
    if (answer.status >= 200 && answer.status < 300) return "removed";
    throw apiError("device", credential.clientId, answer);
  }

  async #call(
    credential: ClientCredential,
    apiUrl: string | undefined,
    { method, path, body }: { readonly method: "DELETE" | "POST"; readonly path: string; readonly body?: unknown },
    signal: AbortSignal,
  ) {
    const { clock, identityToken } = this.#options;
    const baseUrl = (apiUrl ?? this.#options.baseUrl).replace(/\/+$/, "");
    const token = await accessToken(credential, { baseUrl, clock, identityToken }, signal);
    const headers = {
      Authorization: `Bearer ${token.reveal()}`,
      ...(body !== undefined && { "Content-Type": "application/json" }),
    };
    const text = body !== undefined && { body: JSON.stringify(body) };
    return apiCall({ method, baseUrl, path, headers, ...text }, clock, signal);
  }
}
