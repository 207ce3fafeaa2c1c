import { requireAllowed } from "../allowed.ts";
import { requireBoundAudience } from "../challenge.ts";
import { soleAudience } from "../jwt/audience.ts";
import { readCompactJwt } from "../jwt/compact.ts";
import type { IssuerKeys } from "../jwt/key-provider.ts";
import { spendJwt } from "../jwt/one-use.ts";
import { verifyJwt } from "../jwt/verify-jwt.ts";
import { textMember } from "../members.ts";
import { Refused } from "../refusal.ts";
import { isJsonObject, type JsonObject, member } from "../strict-json.ts";
import { issuerOf } from "./issuer.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Gcp {
  readonly kind: "gcp";
  /** Of the metadata server, in "full" format. */
  readonly jwt: string;
}

export interface GcpPolicy {
  /** Of https://www.googleapis.com/oauth2/v3/certs. */
  readonly keys: IssuerKeys;
  readonly projects: readonly string[];
  /** Numeric ids of service accounts. */
  readonly serviceAccounts: readonly string[];
}

export interface GcpClaims {
  readonly kind: "gcp";
  readonly instance: string;
  readonly project: string;
  readonly zone: string;
  readonly instanceId: string;
  readonly serviceAccount: string;
}

const ISSUER = "https://accounts.google.com";
const MOST_LIFETIME_S = 3_600;
/** An older project's id may begin with the domain that it belongs to. */
const PROJECT = /^(?:[a-z0-9.-]{1,64}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
const NUMERIC_ID = /^\d{1,32}$/;
const ZONE = /^[a-z0-9-]{1,63}$/;

/** The instance's name is its owner's choice, and is not read. */
export async function verifyGcp(
  { jwt }: Gcp,
  policy: GcpPolicy,
  { challenge, nowMs, spent }: Surroundings,
): Promise<GcpClaims> {
  const token = readCompactJwt(jwt);
  const trusted = issuerOf(token, [{ issuer: ISSUER, keys: policy.keys }]);
  const verified = await verifyJwt(token, { ...trusted, algorithms: ["RS256"], mostLifetimeS: MOST_LIFETIME_S }, nowMs);
  const { claims } = verified;
  requireBoundAudience(soleAudience(claims), challenge);
  const engine = computeEngine(claims);
  const serviceAccount = textMember(claims, "sub", NUMERIC_ID);
  if (textMember(claims, "azp", NUMERIC_ID) !== serviceAccount)
    throw new Refused("claims-inconsistent", "The token was asked for by another service account than its subject.");
  const project = textMember(engine, "project_id", PROJECT);
  const zone = textMember(engine, "zone", ZONE);
  const instanceId = textMember(engine, "instance_id", NUMERIC_ID);
  requireAllowed("project", project, policy.projects);
  requireAllowed("service account", serviceAccount, policy.serviceAccounts);
  await spendJwt(spent, token, verified);
  return { kind: "gcp", instance: `gcp/${project}/${instanceId}`, project, zone, instanceId, serviceAccount };
}

function computeEngine(claims: JsonObject): JsonObject {
  const google = member(claims, "google");
  const engine = isJsonObject(google) ? member(google, "compute_engine") : undefined;
  if (!isJsonObject(engine))
    throw new Refused("instance-unnamed", "The token names no instance: it is not in full format, or not a VM's.");
  return engine;
}
