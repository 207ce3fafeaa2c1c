import { randomUUID } from "node:crypto";
import { page, plain, type Replier } from "./reply.ts";
import { type JwtSigner, signJwt } from "./sign-jwt.ts";

const LIFETIME_S = 900;

export interface FlyMachine {
  readonly org: string;
  readonly app: string;
  readonly appId: string;
  readonly machineId: string;
  readonly signer: JwtSigner;
  readonly now?: () => number;
}

/**
 * Fly.io's unix socket in a machine, one path of it. Source: Fly.io's documentation, "OpenID
 * Connect": the answer is the token itself.
 */
export function fly(machine: FlyMachine): Replier {
  return ({ method, path, body, isStale }) => {
    if (method !== "POST" || path !== "/v1/tokens/oidc") return page(404);
    const audience = audienceIn(body);
    if (audience === undefined) return page(400);
    const { org, app, appId, machineId, signer, now = Date.now } = machine;
    const iat = Math.floor(now() / 1_000);
    const token = signJwt(signer, {
      iss: `https://oidc.fly.io/${org}`,
      aud: isStale ? `${audience.split("#")[0]}#n=an-earlier-one` : audience,
      sub: `${org}:${app}:${machineId}`,
      iat,
      nbf: iat,
      exp: iat + LIFETIME_S,
      jti: randomUUID(),
      org_name: org,
      app_id: appId,
      app_name: app,
      machine_id: machineId,
      machine_name: "builder",
      region: "ams",
    });
    return plain(token);
  };
}

function audienceIn(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const aud: unknown = typeof value === "object" && value !== null && "aud" in value ? value.aud : undefined;
    return typeof aud === "string" ? aud : undefined;
  } catch {
    return undefined;
  }
}
