import type { IncomingMessage } from "node:http";
import type { PlacedBuild } from "../builds-for.ts";
import type { Exchange } from "../exchange.ts";
import { ExchangeRefusal } from "../exchange-refusal.ts";
import type { Answer } from "./answer.ts";
import { readBuildRequest } from "./build-request.ts";
import { readBody } from "./read-body.ts";
import { ACCESS_TOKEN_TYPE, readTokenRequest } from "./token-request.ts";

export interface RoutesContext {
  readonly exchange: Exchange;
  /**
   * Where clients reach the build's machine, "tcp://host:port"; undefined when it has just gone.
   * `machineAddress`: "host:port", by order of a person.
   */
  readonly endpointOf: (build: PlacedBuild, machineAddress: string | undefined) => string | undefined;
}

export interface Asked {
  readonly request: IncomingMessage;
  readonly source: string;
  /** Aborted when whoever asked has gone, or at the end of the server. */
  readonly signal: AbortSignal;
  /** Called with what must be undone if the answer does not arrive. */
  readonly unlessDelivered: (undo: () => void) => void;
}

type Route = (asked: Asked, context: RoutesContext) => Promise<Answer>;

const ROUTES: readonly { readonly method: string; readonly path: RegExp; readonly route: Route }[] = [
  { method: "POST", path: /^\/oidc\/token$/, route: tokenFor },
  { method: "POST", path: /^\/builds$/, route: openBuild },
  { method: "DELETE", path: /^\/builds\/[A-Za-z0-9._-]{1,128}$/, route: endBuild },
];

/** @throws {ExchangeRefusal} 404, 405; what the route throws. */
export async function routed(asked: Asked, context: RoutesContext): Promise<Answer> {
  const { method = "", url = "" } = asked.request;
  const here = ROUTES.filter(({ path }) => path.test(url));
  const found = here.find((one) => one.method === method);
  if (found !== undefined) return found.route(asked, context);
  if (here.length === 0)
    throw new ExchangeRefusal(404, "invalid_request", "not-found", "There is nothing at this path.");
  const allowed = here.map((one) => one.method).join(", ");
  return {
    status: 405,
    body: { error: "invalid_request", error_description: `Only ${allowed} goes here.`, code: "method-not-allowed" },
    headers: { Allow: allowed },
  };
}

/** RFC 8693, section 2.2.1. */
async function tokenFor({ request, source }: Asked, { exchange }: RoutesContext): Promise<Answer> {
  const { subjectToken, scopes } = readTokenRequest(await readBody(request, "application/x-www-form-urlencoded"));
  const granted = await exchange.trade({ token: subjectToken, scopes, source });
  return {
    status: 200,
    body: {
      access_token: granted.accessToken,
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: "Bearer",
      expires_in: Math.floor(granted.ttlMs / 1_000),
      scope: granted.scopes.join(" "),
    },
  };
}

async function openBuild({ request, source, signal, unlessDelivered }: Asked, context: RoutesContext): Promise<Answer> {
  const { exchange, endpointOf } = context;
  const bearer = bearerOf(request);
  const order = readBuildRequest(await readBody(request, "application/json"));
  const { build, machineAddress } = await exchange.openBuild(bearer, order, { source, signal });
  const { buildId, serverName, caPem, certPem, expiresAt, org, project } = build;
  unlessDelivered(() => exchange.abandon(buildId));
  const endpoint = endpointOf(build, machineAddress);
  if (endpoint === undefined) {
    exchange.abandon(buildId);
    throw ExchangeRefusal.forNow("no-machine", "The machine that took the build has just gone.");
  }
  return {
    status: 201,
    body: {
      ...{ build_id: buildId, org, project, endpoint, server_name: serverName },
      ...{ ca: caPem, certificate: certPem, expires_at: expiresAt.toISOString() },
    },
    headers: { Location: `/builds/${buildId}` },
  };
}

/** `applied`: whether every machine has confirmed it; the others hear of it when they are back. */
async function endBuild({ request, source, signal }: Asked, { exchange }: RoutesContext): Promise<Answer> {
  const buildId = request.url?.split("/").at(-1) ?? "";
  const applied = await exchange
    .endBuild(bearerOf(request), buildId, source)
    .applied(signal)
    .then(
      () => true,
      () => false,
    );
  return { status: 200, body: { build_id: buildId, applied } };
}

/** RFC 6750, section 2.1. @throws {ExchangeRefusal} 401 */
function bearerOf({ headers }: IncomingMessage): string {
  const [, token] = /^Bearer ([A-Za-z0-9_-]{43})$/i.exec(headers.authorization ?? "") ?? [];
  if (token === undefined) throw ExchangeRefusal.unauthorized();
  return token;
}
