import { requireAllowed } from "../allowed.ts";
import { textMember } from "../members.ts";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { parseJsonObject } from "../strict-json.ts";
import { configuredCertificate } from "../x509/certificate.ts";
import { SignedContent } from "../x509/signed-data.ts";
import { ACCOUNT, awsInstance, INSTANCE_ID, REGION } from "./aws-names.ts";
import type { Surroundings } from "./surroundings.ts";

export interface AwsInstanceIdentity {
  readonly kind: "aws-instance-identity";
  readonly document: Uint8Array;
  /** PKCS#7 with RSA-2048 ("rsa2048"), DER. */
  readonly signature: Uint8Array;
}

/**
 * The document carries neither a nonce nor an end: whoever has copied it may send it for as long
 * as the instance runs. To configure this policy is to accept that.
 */
export interface AwsInstanceIdentityPolicy {
  readonly accounts: readonly string[];
  /**
   * PEM by region, of AWS's page: as a rule one, two while AWS replaces it. A region without one is
   * refused.
   */
  readonly certificates: Readonly<Record<string, readonly string[]>>;
  /** Asks the cloud (ec2:DescribeInstances); the identity is refused where it says no. */
  readonly isRunning: (instance: AwsInstanceIdentityClaims) => Promise<boolean>;
  /**
   * SHA-256 (lower-case hex) of the key that this instance registered with before, undefined at its
   * first time. Another key is refused, and a first time has to be soon after the start.
   */
  readonly knownKey: (instance: string) => Promise<string | undefined>;
}

export interface AwsInstanceIdentityClaims {
  readonly kind: "aws-instance-identity";
  readonly instance: string;
  readonly account: string;
  readonly region: string;
  readonly instanceId: string;
}

const FIRST_REGISTRATION_MS = 15 * 60_000;
const LEEWAY_MS = 60_000;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export async function verifyAwsInstanceIdentity(
  { document, signature }: AwsInstanceIdentity,
  policy: AwsInstanceIdentityPolicy,
  { challenge, nowMs }: Surroundings,
): Promise<AwsInstanceIdentityClaims> {
  const signed = SignedContent.read(signature);
  const identity = parseJsonObject(signed.content, "instance identity document");
  const region = textMember(identity, "region", REGION);
  const pinned = Object.hasOwn(policy.certificates, region) ? policy.certificates[region] : undefined;
  if (pinned === undefined) throw new Refused("not-allowed", `No certificate is configured for ${quoted(region)}.`);
  const whose = `a certificate that is configured for ${quoted(region)}`;
  await signed.verifyWith(pinned.map(configuredCertificate), whose);
  if (!Buffer.from(document).equals(signed.content))
    throw new Refused("content-mismatch", "The document is not the one that is signed.");
  const account = textMember(identity, "accountId", ACCOUNT);
  const instanceId = textMember(identity, "instanceId", INSTANCE_ID);
  const pendingMs = Date.parse(textMember(identity, "pendingTime", TIME));
  requireAllowed("account", account, policy.accounts);
  const claims = {
    kind: "aws-instance-identity",
    instance: awsInstance(account, instanceId),
    account,
    region,
    instanceId,
  } as const;
  await requireKnownOrNew(claims.instance, policy, challenge.keyDigest.toString("hex"), nowMs - pendingMs);
  if (!(await policy.isRunning(claims)))
    throw new Refused("instance-not-running", `The cloud does not know ${claims.instance} as running.`);
  return claims;
}

async function requireKnownOrNew(
  instance: string,
  { knownKey }: AwsInstanceIdentityPolicy,
  key: string,
  ageMs: number,
): Promise<void> {
  const known = await knownKey(instance);
  if (known === key) return;
  if (known !== undefined)
    throw new Refused("instance-already-registered", `${instance} has registered with another key.`);
  if (!(ageMs > -LEEWAY_MS)) throw new Refused("not-yet-valid", "The instance has started in the future.");
  if (ageMs > FIRST_REGISTRATION_MS)
    throw new Refused("expired", `${instance} registers for the first time, and started too long ago for that.`);
}
