import { requireAllowed } from "../allowed.ts";
import { requireBoundAudience } from "../challenge.ts";
import { soleAudience } from "../jwt/audience.ts";
import { readCompactJwt } from "../jwt/compact.ts";
import type { IssuerKeys } from "../jwt/key-provider.ts";
import { spendJwt } from "../jwt/one-use.ts";
import { verifyJwt } from "../jwt/verify-jwt.ts";
import { objectMember, optionalText, textMember } from "../members.ts";
import { Refused } from "../refusal.ts";
import { type JsonObject, member } from "../strict-json.ts";
import { ACCOUNT, awsInstance, parseInstanceArn, roleAccount } from "./aws-names.ts";
import { issuerOf } from "./issuer.ts";
import type { Surroundings } from "./surroundings.ts";

export interface AwsWebIdentity {
  readonly kind: "aws-web-identity";
  /** Of sts:GetWebIdentityToken. */
  readonly jwt: string;
}

export interface AwsWebIdentityPolicy {
  readonly accounts: readonly {
    readonly account: string;
    /**
     * The account's own, as iam:GetOutboundWebIdentityFederationInfo tells. Anyone may have one.
     */
    readonly issuer: string;
    readonly keys: IssuerKeys;
    /** ARNs of roles, whole. */
    readonly roles: readonly string[];
    readonly regions: readonly string[];
  }[];
}

export interface AwsWebIdentityClaims {
  readonly kind: "aws-web-identity";
  readonly instance: string;
  readonly account: string;
  readonly region: string;
  readonly instanceId: string;
  readonly role: string;
}

const NAMESPACE = "https://sts.amazonaws.com/";
const MOST_LIFETIME_S = 600;
const ANY_ARN = /^arn:[\x21-\x7e]{1,2000}$/;

/** `request_tags` are the caller's own words, and are not read. */
export async function verifyAwsWebIdentity(
  { jwt }: AwsWebIdentity,
  policy: AwsWebIdentityPolicy,
  { challenge, nowMs, spent }: Surroundings,
): Promise<AwsWebIdentityClaims> {
  const token = readCompactJwt(jwt);
  const trusted = issuerOf(token, policy.accounts);
  const verified = await verifyJwt(
    token,
    { ...trusted, algorithms: ["RS256", "ES384"], mostLifetimeS: MOST_LIFETIME_S },
    nowMs,
  );
  requireBoundAudience(soleAudience(verified.claims), challenge);
  const aws = objectMember(verified.claims, NAMESPACE);
  requireOwnIdentity(verified.claims, aws);
  const role = textMember(verified.claims, "sub", ANY_ARN);
  const account = textMember(aws, "aws_account", ACCOUNT);
  const instance = instanceOf(aws);
  if (new Set([account, roleAccount(role), instance.account]).size > 1)
    throw new Refused("claims-inconsistent", "The token's claims are of several accounts.");
  if ((optionalText(aws, "principal_id", ANY_ARN) ?? role) !== role)
    throw new Refused("claims-inconsistent", "The token's principal is not its subject.");
  requireAllowed("account", account, [trusted.account]);
  requireAllowed("role", role, trusted.roles);
  requireAllowed("region", instance.region, trusted.regions);
  await spendJwt(spent, token, verified);
  return { kind: "aws-web-identity", instance: awsInstance(account, instance.instanceId), role, ...instance };
}

/**
 * Of an OriginIdentity token the subject is an end user, not the role.
 * @throws {Refused} "delegated-identity"
 */
function requireOwnIdentity(claims: JsonObject, aws: JsonObject): void {
  const isDelegated = ["subject_mode", "scope"].some(
    (name) => member(claims, name) !== undefined || member(aws, name) !== undefined,
  );
  if (isDelegated) throw new Refused("delegated-identity", "The token speaks for somebody else than its role.");
}

function instanceOf(aws: JsonObject) {
  const arn = member(aws, "ec2_source_instance_arn");
  if (arn === undefined)
    throw new Refused("instance-unnamed", "The token names no instance: its credentials are not an instance's.");
  return parseInstanceArn(textMember(aws, "ec2_source_instance_arn", ANY_ARN));
}
