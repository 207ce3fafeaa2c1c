import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Answer, Refused } from "./answer.ts";
import { ACCESS_TOKEN_LIFETIME_S, type ClientRights, type Clients } from "./clients.ts";
import type { Coordination } from "./coordination.ts";
import type { Endpoint } from "./faults.ts";
import { checkModesty, checkTags, readKeyRequest } from "./key-request.ts";
import { asForm, asJson, bearerOf, clientOf } from "./read-body.ts";

export interface ApiContext {
  readonly clients: Clients;
  readonly coordination: Coordination;
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly now: () => number;
}

/** What a request turned out to be about, for the journal. */
export interface Noted {
  clientId: string;
  body?: unknown;
}

type Handler = (request: IncomingMessage, body: string, context: ApiContext, noted: Noted) => Promise<Answer> | Answer;

/** Which endpoint a request is for; undefined: none of those that are stood in for. */
export function endpointOf(method: string, path: string): Endpoint | undefined {
  return ROUTES.find((route) => route.method === method && route.path.test(path))?.endpoint;
}

/** @throws {Refused} with what the API answers. */
export const ENDPOINTS: Readonly<Record<Endpoint, Handler>> = {
  token: (request, body, { clients }, noted) => {
    const form = asForm(request, body);
    const { id, secret } = clientOf(request, form);
    noted.clientId = id;
    const grantType = form.get("grant_type") ?? "client_credentials";
    if (grantType !== "client_credentials") throw new Refused(400, `unsupported grant type ${grantType.slice(0, 64)}`);
    return accessToken(clients, clients.bySecret(id, secret));
  },
  "token-exchange": (request, body, { clients }, noted) => {
    const form = asForm(request, body);
    noted.clientId = form.get("client_id") ?? "";
    return accessToken(clients, clients.byJwt(noted.clientId, form.get("jwt") ?? ""));
  },
  keys: async (request, body, { clients, coordination, tagOwners, now }, noted) => {
    const rights = clients.byToken(bearerOf(request), "auth_keys");
    const asked = readKeyRequest(asJson(body));
    noted.body = asked;
    checkTags(asked, { clientTags: rights.tags, tagOwners });
    checkModesty(asked);
    const { capabilities, expirySeconds, description } = asked;
    const created = new Date(now());
    const expiresAt = new Date(now() + expirySeconds * 1_000);
    const { reusable, ephemeral, tags } = capabilities.devices.create;
    const { key } = await coordination.createKey({ reusable, ephemeral, tags, expiresAt });
    const id = `k${randomBytes(6).toString("hex")}CNTRL`;
    return { status: 200, body: { id, key, keyType: "auth", created, expires: expiresAt, capabilities, description } };
  },
  device: async (request, _body, { clients, coordination }) => {
    clients.byToken(bearerOf(request), "devices:core");
    const nodeId = decodeURIComponent(new URL(request.url ?? "", "http://api").pathname.split("/").at(-1) ?? "");
    if (await coordination.removeNode(nodeId)) return { status: 200 };
    throw new Refused(404, "no such device");
  },
};

const ROUTES: readonly { readonly endpoint: Endpoint; readonly method: string; readonly path: RegExp }[] = [
  { endpoint: "token", method: "POST", path: /^\/api\/v2\/oauth\/token$/ },
  { endpoint: "token-exchange", method: "POST", path: /^\/api\/v2\/oauth\/token-exchange$/ },
  { endpoint: "keys", method: "POST", path: /^\/api\/v2\/tailnet\/-\/keys$/ },
  { endpoint: "device", method: "DELETE", path: /^\/api\/v2\/device\/[^/]+$/ },
];

function accessToken(clients: Clients, rights: ClientRights): Answer {
  const token = clients.issueToken(rights);
  const scope = rights.scopes.join(" ");
  return {
    status: 200,
    body: { access_token: token, token_type: "Bearer", expires_in: ACCESS_TOKEN_LIFETIME_S, scope },
  };
}
