import { Refused } from "../refusal.ts";
import {
  type AwsCallerIdentity,
  type AwsCallerIdentityClaims,
  type AwsCallerIdentityPolicy,
  verifyAwsCallerIdentity,
} from "./aws-caller-identity.ts";
import {
  type AwsInstanceIdentity,
  type AwsInstanceIdentityClaims,
  type AwsInstanceIdentityPolicy,
  verifyAwsInstanceIdentity,
} from "./aws-instance-identity.ts";
import {
  type AwsWebIdentity,
  type AwsWebIdentityClaims,
  type AwsWebIdentityPolicy,
  verifyAwsWebIdentity,
} from "./aws-web-identity.ts";
import { type Azure, type AzureClaims, type AzurePolicy, verifyAzure } from "./azure.ts";
import { type Gcp, type GcpClaims, type GcpPolicy, verifyGcp } from "./gcp.ts";
import { type NitroTpm, type NitroTpmClaims, type NitroTpmPolicy, verifyNitroTpm } from "./nitro-tpm.ts";
import { type Oidc, type OidcClaims, type OidcPolicy, verifyOidc } from "./oidc.ts";
import type { Surroundings } from "./surroundings.ts";

/** What a machine sends to prove which one it is. */
export type Evidence = AwsWebIdentity | AwsCallerIdentity | AwsInstanceIdentity | Gcp | Azure | Oidc | NitroTpm;

/** What is accepted, kind by kind: a kind without a policy is refused. */
export interface Policies {
  readonly "aws-web-identity"?: AwsWebIdentityPolicy;
  readonly "aws-caller-identity"?: AwsCallerIdentityPolicy;
  readonly "aws-instance-identity"?: AwsInstanceIdentityPolicy;
  readonly gcp?: GcpPolicy;
  readonly azure?: AzurePolicy;
  readonly oidc?: OidcPolicy;
  readonly "nitro-tpm"?: NitroTpmPolicy;
}

/** What the evidence proves. `instance` is the machine's name, the same in every kind. */
export type Claims =
  | AwsWebIdentityClaims
  | AwsCallerIdentityClaims
  | AwsInstanceIdentityClaims
  | GcpClaims
  | AzureClaims
  | OidcClaims
  | NitroTpmClaims;

const KINDS: ReadonlySet<string> = new Set<Evidence["kind"]>([
  ...(["aws-web-identity", "aws-caller-identity", "aws-instance-identity"] as const),
  ...(["gcp", "azure", "oidc", "nitro-tpm"] as const),
]);
const MOST_BYTES = 16 * 1024;

/**
 * Looks at kind and size, before anything is spent.
 * @throws {Refused} "kind-unknown", "kind-not-accepted", "malformed", "oversized"
 */
export function requireAcceptable(evidence: Evidence, accept: Policies): void {
  if (!KINDS.has(evidence.kind)) throw new Refused("kind-unknown", "The evidence is of no known kind.");
  if (!Object.hasOwn(accept, evidence.kind) || accept[evidence.kind] === undefined)
    throw new Refused("kind-not-accepted", `Evidence of the kind ${evidence.kind} is not accepted here.`);
  const { bytes, isWellFormed } = measure(evidence);
  if (!isWellFormed) throw new Refused("malformed", "A field of the evidence is of another type than it has to be.");
  if (bytes > MOST_BYTES) throw new Refused("oversized", `The evidence is longer than ${MOST_BYTES} bytes.`);
}

/** The nonce is consumed, and the kind accepted. @throws {Refused} */
export async function prove(evidence: Evidence, accept: Policies, surroundings: Surroundings): Promise<Claims> {
  switch (evidence.kind) {
    case "aws-web-identity":
      return verifyAwsWebIdentity(evidence, required(accept[evidence.kind]), surroundings);
    case "aws-caller-identity":
      return verifyAwsCallerIdentity(evidence, required(accept[evidence.kind]), surroundings);
    case "aws-instance-identity":
      return verifyAwsInstanceIdentity(evidence, required(accept[evidence.kind]), surroundings);
    case "gcp":
      return verifyGcp(evidence, required(accept[evidence.kind]), surroundings);
    case "azure":
      return verifyAzure(evidence, required(accept[evidence.kind]), surroundings);
    case "oidc":
      return verifyOidc(evidence, required(accept[evidence.kind]), surroundings);
    case "nitro-tpm":
      return verifyNitroTpm(evidence, required(accept[evidence.kind]), surroundings);
    default:
      return evidence satisfies never;
  }
}

function required<T>(policy: T | undefined): T {
  if (policy === undefined) throw new Refused("kind-not-accepted", "Evidence of this kind is not accepted here.");
  return policy;
}

/**
 * The length of every field together; types are looked at, as callers may pass on what they got.
 */
function measure({ kind: _, ...fields }: Evidence): { readonly bytes: number; readonly isWellFormed: boolean } {
  const leaves: unknown[] = Object.values(fields).flatMap((field: unknown): unknown[] => {
    if (Array.isArray(field)) return field;
    if (typeof field === "object" && field !== null && !(field instanceof Uint8Array))
      return Object.entries(field).flat();
    return [field];
  });
  const lengths = leaves.map((leaf) =>
    typeof leaf === "string" || leaf instanceof Uint8Array ? leaf.length : Number.NaN,
  );
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  return { bytes, isWellFormed: leaves.length > 0 && !Number.isNaN(bytes) };
}
