import { randomBytes } from "node:crypto";
import type { PlatformNotices } from "./notices.ts";
import { type Asked, json, page, plain, type Replier, type Reply } from "./reply.ts";
import { type DocumentSigner, signAsEc2 } from "./sign-document.ts";

const MAX_TTL_S = 21_600;
const STARTED_MS = Date.parse("2026-11-29T12:00:00Z");
const ROLE_PATH = "/latest/meta-data/iam/security-credentials/";

export interface RoleSession {
  readonly role: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface ImdsInstance {
  readonly accountId: string;
  readonly instanceId: string;
  readonly region: string;
  readonly signer: DocumentSigner;
  /** Absent: no instance profile is attached. */
  readonly session?: RoleSession;
  /** When it was started; default: on a day of 2026. */
  readonly startedMs?: number;
  /** Absent: it never announces anything. */
  readonly notices?: PlatformNotices;
  /** Wall time, as the service has it. */
  readonly now?: () => number;
}

/** May be changed while it serves. */
export interface ImdsSwitches {
  /** Tokens are unknown to it, and not asked for: an instance metadata service of before 2019. */
  v1Only: boolean;
  /** Answers with a token do not get back to where they were asked for. */
  beyondHopLimit: boolean;
  /** Every session token has expired already. */
  expiresTokens: boolean;
  /** Why there are no credentials for the role: "AssumeRoleUnauthorizedAccess". */
  credentialsCode: string;
}

/**
 * EC2's instance metadata service. Source: the EC2 user guide, "Use the Instance Metadata Service",
 * "Instance metadata categories", "Instance identity documents", "Retrieve security credentials".
 */
export function imds(instance: ImdsInstance): { readonly replier: Replier; readonly switches: ImdsSwitches } {
  const switches: ImdsSwitches = {
    v1Only: false,
    beyondHopLimit: false,
    expiresTokens: false,
    credentialsCode: "Success",
  };
  const tokens = new Map<string, number>();
  const replier: Replier = (asked) => {
    if (asked.path === "/latest/api/token") {
      if (switches.v1Only) return page(404);
      return switches.beyondHopLimit ? undefined : token(asked, tokens);
    }
    if (asked.method !== "GET") return page(405);
    if (!switches.v1Only) {
      const until = tokens.get(String(asked.headers["x-aws-ec2-metadata-token"]));
      if (until === undefined || until <= Date.now() || switches.expiresTokens) return page(401);
    }
    return instance.notices?.aws(asked.path) ?? metadata(asked.path, instance, switches);
  };
  return { replier, switches };
}

function token({ method, headers }: Asked, tokens: Map<string, number>): Reply {
  if (method !== "PUT") return page(405);
  // What a proxy has passed on is refused.
  if (headers["x-forwarded-for"] !== undefined) return page(403);
  const ttl = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL_S) return page(400);
  const made = `${randomBytes(41).toString("base64url")}==`;
  tokens.set(made, Date.now() + ttl * 1_000);
  return {
    ...plain(made),
    headers: { "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": String(ttl), Server: "EC2ws" },
  };
}

function metadata(path: string, instance: ImdsInstance, { credentialsCode }: ImdsSwitches): Reply {
  const { session } = instance;
  switch (path) {
    case "/latest/meta-data/placement/region":
      return plain(instance.region);
    case "/latest/meta-data/services/domain":
      return plain("amazonaws.com");
    case "/latest/dynamic/instance-identity/document":
      return plain(document(instance));
    case "/latest/dynamic/instance-identity/rsa2048": {
      const signature = Buffer.from(signAsEc2(document(instance), instance.signer)).toString("base64");
      return plain(signature.replaceAll(/(.{76})/g, "$1\n"));
    }
    case ROLE_PATH:
      return session === undefined ? page(404) : plain(session.role);
    default:
      if (session === undefined || path !== `${ROLE_PATH}${session.role}`) return page(404);
      return credentialsCode === "Success" ? credentials(session, instance) : noCredentials(credentialsCode);
  }
}

function document({ accountId, instanceId, region, startedMs = STARTED_MS }: ImdsInstance): string {
  const fields = {
    accountId,
    architecture: "x86_64",
    availabilityZone: `${region}a`,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: "ami-0abcdef1234567890",
    instanceId,
    instanceType: "m7i.large",
    kernelId: null,
    pendingTime: new Date(startedMs).toISOString().replace(/\.\d+/, ""),
    privateIp: "10.0.0.10",
    ramdiskId: null,
    region,
    version: "2017-09-30",
  };
  return JSON.stringify(fields, null, 2);
}

function credentials(
  { accessKeyId, secretAccessKey, sessionToken }: RoleSession,
  { now = Date.now }: ImdsInstance,
): Reply {
  const nowMs = now();
  const fields = {
    Code: "Success",
    LastUpdated: new Date(nowMs).toISOString(),
    Type: "AWS-HMAC",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: new Date(nowMs + 6 * 3_600_000).toISOString(),
  };
  return { ...json(fields), type: "text/plain" };
}

function noCredentials(code: string): Reply {
  const fields = { Code: code, Message: "EC2 cannot assume the role.", LastUpdated: new Date().toISOString() };
  return { ...json(fields), type: "text/plain" };
}
