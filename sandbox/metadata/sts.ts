import { randomUUID } from "node:crypto";
import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import type { ImdsInstance, RoleSession } from "./imds.ts";
import { type Asked, json, type Replier, type Reply } from "./reply.ts";
import { type JwtSigner, signJwt } from "./sign-jwt.ts";

const XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/";
const SIGNATURE_LIFE_MS = 15 * 60_000;
const FUTURE_TOLERANCE_MS = 5 * 60_000;

export interface StsOptions {
  readonly instance: ImdsInstance & { readonly session: RoleSession };
  /** The account's issuer, "https://<uuid>.tokens.sts.global.api.aws". */
  readonly issuer: string;
  readonly signer: JwtSigner;
  /** Wall time, as STS has it. */
  readonly now?: () => number;
}

/** May be changed while it serves. */
export interface StsSwitches {
  /** Every signed request is answered with this error: [status, code]. */
  error: readonly [number, string] | undefined;
  /** What is left of the role's session. */
  sessionLeftS: number;
}

/**
 * AWS STS, two calls of its query API. Source: the STS API reference, GetCallerIdentity,
 * GetWebIdentityToken, "Common errors"; the IAM user guide, "Outbound identity federation" for the
 * claims.
 */
export function sts(options: StsOptions): { readonly replier: Replier; readonly switches: StsSwitches } {
  const switches: StsSwitches = { error: undefined, sessionLeftS: 3_600 };
  const now = options.now ?? Date.now;
  const replier: Replier = async (asked) => {
    if (asked.method !== "POST" || asked.path !== "/") return failed(404, "InvalidAction");
    const refused = await judgeSignature(asked, options.instance, now());
    if (refused !== undefined) return failed(403, refused);
    if (switches.error !== undefined) return failed(...switches.error);
    const form = new URLSearchParams(asked.body);
    switch (form.get("Action")) {
      case "GetCallerIdentity":
        return callerIdentity(options.instance, asked.headers.accept === "application/json");
      case "GetWebIdentityToken":
        return webIdentityToken(form, asked.isStale, options, switches, now());
      default:
        return failed(400, "InvalidAction");
    }
  };
  return { replier, switches };
}

/** In JSON for whoever asks for it: the query API knows both. */
function callerIdentity({ accountId, instanceId, session }: StsOptions["instance"], inJson: boolean): Reply {
  const caller = {
    Arn: `arn:aws:sts::${accountId}:assumed-role/${session.role}/${instanceId}`,
    UserId: `AROAEXAMPLE:${instanceId}`,
    Account: accountId,
  };
  if (inJson) {
    const response = { GetCallerIdentityResult: caller, ResponseMetadata: { RequestId: randomUUID() } };
    return { ...json({ GetCallerIdentityResponse: response }), type: "application/json" };
  }
  const fields = Object.entries(caller).map(([name, value]) => `<${name}>${value}</${name}>`);
  return succeeded("GetCallerIdentity", fields.join(""));
}

function webIdentityToken(
  form: URLSearchParams,
  isStale: boolean,
  { instance, issuer, signer }: StsOptions,
  { sessionLeftS }: StsSwitches,
  nowMs: number,
): Reply {
  const audience = form.get("Audience.member.1") ?? "";
  const seconds = Number(form.get("DurationSeconds") ?? 300);
  if (audience === "" || audience.length > 1_000) return failed(400, "ValidationError");
  if (!(seconds >= 60 && seconds <= 3_600)) return failed(400, "ValidationError");
  if (form.get("SigningAlgorithm") !== signer.algorithm) return failed(400, "ValidationError");
  if (seconds > sessionLeftS) return failed(403, "SessionDurationEscalationException");
  const { accountId, instanceId, region, session } = instance;
  const iat = Math.floor(nowMs / 1_000);
  const roleArn = `arn:aws:iam::${accountId}:role/${session.role}`;
  const token = signJwt(signer, {
    iss: issuer,
    aud: isStale ? `${audience.split("#")[0]}#n=an-earlier-one` : audience,
    sub: roleArn,
    iat,
    exp: iat + seconds,
    jti: randomUUID(),
    "https://sts.amazonaws.com/": {
      aws_account: accountId,
      source_region: region,
      principal_id: roleArn,
      ec2_source_instance_arn: `arn:aws:ec2:${region}:${accountId}:instance/${instanceId}`,
      ec2_role_delivery: "2.0",
    },
  });
  const expiration = new Date((iat + seconds) * 1_000).toISOString();
  return succeeded(
    "GetWebIdentityToken",
    `<WebIdentityToken>${token}</WebIdentityToken><Expiration>${expiration}</Expiration>`,
  );
}

/**
 * The code of the error, if the request is not signed by the instance's role within 15 minutes.
 * Signs what came once more, as Signature Version 4 has it, and compares.
 */
async function judgeSignature(
  asked: Asked,
  instance: StsOptions["instance"],
  nowMs: number,
): Promise<string | undefined> {
  const { session, region } = instance;
  const { authorization = "" } = asked.headers;
  const groups = /Credential=(?<id>[^/]+)\/.*SignedHeaders=(?<names>[^,]+),/.exec(authorization)?.groups;
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(asked.headers["x-amz-date"]));
  if (groups === undefined || date === null) return "IncompleteSignature";
  if (groups["id"] !== session.accessKeyId || asked.headers["x-amz-security-token"] !== session.sessionToken)
    return "InvalidClientTokenId";
  const [, year, month, day, hour, minute, second] = date;
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (signedMs < nowMs - SIGNATURE_LIFE_MS || signedMs > nowMs + FUTURE_TOLERANCE_MS) return "SignatureDoesNotMatch";
  const names = groups["names"]?.split(";") ?? [];
  const signer = new SignatureV4({
    service: "sts",
    region,
    sha256: Sha256,
    credentials: { ...session },
  });
  const again = await signer.sign(
    {
      method: asked.method,
      protocol: "https:",
      hostname: "",
      path: asked.path,
      headers: Object.fromEntries(names.map((name) => [name, String(asked.headers[name])])),
      body: asked.body,
    },
    { signingDate: new Date(signedMs) },
  );
  return again.headers["authorization"] === authorization ? undefined : "SignatureDoesNotMatch";
}

function succeeded(action: string, result: string): Reply {
  const body = `<${action}Response xmlns="${XMLNS}"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${action}Response>`;
  return { status: 200, type: "text/xml", body };
}

function failed(status: number, code: string): Reply {
  const body = `<ErrorResponse xmlns="${XMLNS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`;
  return { status, type: "text/xml", body };
}
