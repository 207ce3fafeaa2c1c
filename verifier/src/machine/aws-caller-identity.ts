import { requireAllowed } from "../allowed.ts";
import { requireBindingHeader } from "../challenge.ts";
import { exchange } from "../exchange.ts";
import { objectMember, textMember } from "../members.ts";
import { Refused } from "../refusal.ts";
import { parseJsonObject } from "../strict-json.ts";
import { ACCOUNT, awsInstance, INSTANCE_ID, parseSessionArn } from "./aws-names.ts";
import type { Surroundings } from "./surroundings.ts";

export interface AwsCallerIdentity {
  readonly kind: "aws-caller-identity";
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A session of a role proves the instance only where nobody but EC2 may take that role: its trust
 * policy has to name ec2.amazonaws.com and nobody else.
 */
export interface AwsCallerIdentityPolicy {
  readonly accounts: readonly string[];
  /** "<account>:<name of the role>", without its path: STS does not tell that. */
  readonly roles: readonly string[];
  /** Of the STS endpoints that are asked. */
  readonly regions: readonly string[];
}

export interface AwsCallerIdentityClaims {
  readonly kind: "aws-caller-identity";
  readonly instance: string;
  readonly account: string;
  readonly instanceId: string;
  readonly role: string;
}

const BODY = "Action=GetCallerIdentity&Version=2011-06-15";
const BINDING = "x-builder-agent-binding";
/** Set by us where the agent left them out. */
const FIXED: Readonly<Record<string, string>> = {
  accept: "application/json",
  "content-type": "application/x-www-form-urlencoded; charset=utf-8",
};
const SIGNED_ALONG = ["host", "x-amz-date", BINDING];
const KNOWN = new Set([
  ...["accept", "authorization", "content-length", "content-type", "host", "user-agent"],
  ...["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", BINDING],
]);
/** Undici names both for itself. */
const LEFT_TO_FETCH = new Set(["content-length", "host"]);
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}\/(?<date>\d{8})\/(?<region>[a-z0-9-]{1,32})\/sts\/aws4_request, ?SignedHeaders=(?<names>[a-z0-9;-]{1,400}), ?Signature=[0-9a-f]{64}$/;
const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const VALID_MS = 15 * 60_000;
const LEEWAY_MS = 60_000;
const HEADER_VALUE = /^[\x20-\x7e]{1,4096}$/;

/** Sends the request as it was signed, to an address of ours, and takes what STS says of it. */
export async function verifyAwsCallerIdentity(
  { url, headers }: AwsCallerIdentity,
  policy: AwsCallerIdentityPolicy,
  { challenge, nowMs, fetch }: Surroundings,
): Promise<AwsCallerIdentityClaims> {
  const endpoint = endpointOf(url, policy.regions);
  requireKnownHeaders(headers);
  const signed = requireSignature(headers, endpoint.region);
  requireFixed(headers, endpoint.host);
  requireBindingHeader(headers[BINDING] ?? "", challenge);
  requireDate(headers["x-amz-date"] ?? "", signed.date, nowMs);
  const answer = await exchange(fetch, {
    url: endpoint.url,
    method: "POST",
    headers: { ...FIXED, ...withoutLeftToFetch(headers) },
    body: BODY,
  });
  return callerOf(answer, policy);
}

/** The address is never taken from the evidence: it has to be one of those that we would make. */
function endpointOf(url: string, regions: readonly string[]) {
  const endpoints = regions.map((region) => {
    const host = `sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
    return { region, host, url: `https://${host}/` };
  });
  const endpoint = endpoints.find((one) => one.url === url);
  if (endpoint === undefined)
    throw new Refused("endpoint-not-allowed", "The request is not for the STS endpoint of an allowed region.");
  return endpoint;
}

function requireKnownHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!KNOWN.has(name)) throw new Refused("request-not-expected", "The request has a header that is not expected.");
    if (!HEADER_VALUE.test(value))
      throw new Refused("malformed", `The request's header ${name} is not one line of ASCII.`);
  }
}

function requireSignature(headers: Readonly<Record<string, string>>, region: string): { readonly date: string } {
  const { date, region: scope, names } = AUTHORIZATION.exec(headers["authorization"] ?? "")?.groups ?? {};
  if (date === undefined || scope === undefined || names === undefined)
    throw new Refused("malformed", "The request has no signature of version 4 for STS.");
  if (scope !== region) throw new Refused("request-not-expected", "The request is signed for another region.");
  const signed = names.split(";");
  if (new Set(signed).size !== signed.length) throw new Refused("malformed", "A header is named twice as signed.");
  const unsigned = SIGNED_ALONG.find((name) => !signed.includes(name));
  if (unsigned !== undefined) throw new Refused("header-unsigned", `The request's header ${unsigned} is not signed.`);
  return { date };
}

function requireFixed(headers: Readonly<Record<string, string>>, host: string): void {
  const expected = { ...FIXED, host, "content-length": String(BODY.length) };
  for (const [name, value] of Object.entries(expected)) {
    if ((headers[name] ?? value).toLowerCase() !== value)
      throw new Refused("request-not-expected", `The request's header ${name} is not what this request has.`);
  }
}

function requireDate(text: string, scope: string, nowMs: number): void {
  const [, year, month, day, hour, minute, second] = AMZ_DATE.exec(text) ?? [];
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(signedMs) || !text.startsWith(scope))
    throw new Refused("malformed", "The request does not say when it was signed.");
  if (nowMs - signedMs >= VALID_MS) throw new Refused("expired", "The request was signed too long ago.");
  if (signedMs - nowMs > LEEWAY_MS) throw new Refused("not-yet-valid", "The request was signed in the future.");
}

function withoutLeftToFetch(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !LEFT_TO_FETCH.has(name)));
}

function callerOf(answer: Uint8Array, policy: AwsCallerIdentityPolicy): AwsCallerIdentityClaims {
  const response = objectMember(parseJsonObject(answer, "answer of STS"), "GetCallerIdentityResponse");
  const caller = objectMember(response, "GetCallerIdentityResult");
  const account = textMember(caller, "Account", ACCOUNT);
  const arn = parseSessionArn(textMember(caller, "Arn", /^arn:[\x21-\x7e]{1,2000}$/));
  if (arn.account !== account) throw new Refused("claims-inconsistent", "The caller's ARN is of another account.");
  if (!INSTANCE_ID.test(arn.session))
    throw new Refused("instance-unnamed", "The caller's session is not named after an instance.");
  const role = `${account}:${arn.role}`;
  requireAllowed("account", account, policy.accounts);
  requireAllowed("role", role, policy.roles);
  return {
    kind: "aws-caller-identity",
    instance: awsInstance(account, arn.session),
    account,
    instanceId: arn.session,
    role,
  };
}
