import { GCP_SERVICE_ACCOUNT } from "./machine.ts";
import type { PlatformNotices } from "./notices.ts";
import { page, plain, type Replier } from "./reply.ts";
import { type JwtSigner, signJwt } from "./sign-jwt.ts";

const FLAVOR = { "Metadata-Flavor": "Google", Server: "Metadata Server for VM" };
const LIFETIME_S = 3_600;

export interface GcpInstance {
  readonly projectId: string;
  readonly projectNumber: number;
  readonly zone: string;
  /** A number of 64 bits, as text. */
  readonly instanceId: string;
  readonly instanceName: string;
  readonly signer: JwtSigner;
  /** Absent: it never announces anything. */
  readonly notices?: PlatformNotices;
  readonly now?: () => number;
}

/**
 * Google's metadata server, one path of it. Source: Compute Engine's documentation, "Verify the
 * identity of VMs" and "View and query VM metadata".
 */
export function gcp(instance: GcpInstance): Replier {
  return async (asked) => {
    const { path, query, headers, isStale } = asked;
    if (headers["metadata-flavor"] !== "Google") return page(403, FLAVOR);
    const notice = await instance.notices?.gcp(asked);
    if (notice !== undefined) return { ...notice, headers: { ...notice.headers, ...FLAVOR } };
    if (path === "/computeMetadata/v1/instance/id")
      return { ...plain(instance.instanceId), type: "application/text", headers: FLAVOR };
    if (path !== "/computeMetadata/v1/instance/service-accounts/default/identity") return page(404, FLAVOR);
    const audience = query.get("audience");
    if (audience === null || audience === "") return page(400, FLAVOR);
    const aud = isStale ? `${audience.split("#")[0]}#n=an-earlier-one` : audience;
    return {
      status: 200,
      type: "text/html",
      headers: FLAVOR,
      body: signJwt(instance.signer, claims(instance, aud, query.get("format") === "full")),
    };
  };
}

function claims(instance: GcpInstance, aud: string, isFull: boolean): Readonly<Record<string, unknown>> {
  const { projectId, projectNumber, zone, instanceId, instanceName, now = Date.now } = instance;
  const iat = Math.floor(now() / 1_000);
  const account = GCP_SERVICE_ACCOUNT;
  const compute = {
    project_id: projectId,
    project_number: projectNumber,
    zone,
    instance_id: instanceId,
    instance_name: instanceName,
    instance_creation_timestamp: iat - 600,
    instance_confidentiality: 0,
    license_id: [],
  };
  return {
    iss: "https://accounts.google.com",
    aud,
    azp: account,
    sub: account,
    email: `${projectNumber}-compute@developer.gserviceaccount.com`,
    email_verified: true,
    iat,
    exp: iat + LIFETIME_S,
    ...(isFull && { google: { compute_engine: compute } }),
  };
}
