import { requireAllowed } from "../allowed.ts";
import { soleAudience } from "../jwt/audience.ts";
import { readCompactJwt } from "../jwt/compact.ts";
import type { IssuerKeys } from "../jwt/key-provider.ts";
import { spendJwt } from "../jwt/one-use.ts";
import { verifyJwt } from "../jwt/verify-jwt.ts";
import { issuerOf } from "../machine/issuer.ts";
import { optionalText, textMember } from "../members.ts";
import type { SpentTokens } from "../nonces/nonces.ts";
import { Refused } from "../refusal.ts";
import { type JsonObject, member } from "../strict-json.ts";

/** A token that a CI system gives one of its jobs. */
export interface JobEvidence {
  readonly kind: "github" | "circleci" | "buildkite";
  readonly jwt: string;
}

interface AnyTrust {
  readonly keys: IssuerKeys;
  readonly audience: string;
  /** Whether a token is good for one exchange (as a rule), or for as many as it lives. */
  readonly isSingleUse: boolean;
}

/**
 * Whose jobs are taken, all by ids: names can be given up and taken by somebody else, and the form
 * of a subject changes. An empty list takes nobody.
 */
export type Trust =
  | (AnyTrust & {
      readonly kind: "github";
      /** `repository_owner_id`. */
      readonly owners: readonly string[];
      /** `repository_id`. */
      readonly repositories: readonly string[];
      /** `event_name`; undefined: any. A fork's pull request has "pull_request". */
      readonly events?: readonly string[];
    })
  | (AnyTrust & {
      readonly kind: "circleci";
      readonly organization: string;
      /** `oidc.circleci.com/project-id`. */
      readonly projects: readonly string[];
      /** Whether a person may be logged in to the job by SSH. */
      readonly allowsSshRerun: boolean;
    })
  | (AnyTrust & {
      readonly kind: "buildkite";
      /** `organization_id`: the issuer is the same for everybody. */
      readonly organizations: readonly string[];
      /** `pipeline_id`. */
      readonly pipelines: readonly string[];
    });

export interface JobExpectation {
  readonly trusts: readonly Trust[];
}

export interface JobClaims {
  readonly kind: JobEvidence["kind"];
  readonly organizationId: string;
  /** Of the repository, project or pipeline. */
  readonly projectId: string;
  readonly ref: string | undefined;
}

const MOST_LIFETIME_S = 3_600;
const ID = /^[A-Za-z0-9-]{1,64}$/;
const NAME = /^[\x20-\x7e]{1,255}$/;

/** The first trust whose lists hold. @throws {Refused} */
export async function proveJob(
  { kind, jwt }: JobEvidence,
  { trusts }: JobExpectation,
  { nowMs, spent }: { readonly nowMs: number; readonly spent: SpentTokens },
): Promise<JobClaims> {
  const ofKind = trusts.filter((trust) => trust.kind === kind);
  if (ofKind.length === 0) throw new Refused("kind-not-accepted", "Jobs of this CI system are not accepted here.");
  const token = readCompactJwt(jwt);
  const named = ofKind.map((trust) => ({ trust, keys: trust.keys, issuer: issuerName(trust) }));
  const trusted = issuerOf(token, named);
  const verified = await verifyJwt(token, { ...trusted, algorithms: ["RS256"], mostLifetimeS: MOST_LIFETIME_S }, nowMs);
  const audience = soleAudience(verified.claims);
  const { claims, trust } = firstFitting(
    verified.claims,
    audience,
    named.filter(({ issuer }) => issuer === trusted.issuer).map(({ trust }) => trust),
  );
  if (trust.isSingleUse) await spendJwt(spent, token, verified);
  return claims;
}

function issuerName(trust: Trust): string {
  switch (trust.kind) {
    case "github":
      return "https://token.actions.githubusercontent.com";
    case "circleci":
      return `https://oidc.circleci.com/org/${trust.organization}`;
    case "buildkite":
      return "https://agent.buildkite.com";
    default:
      return trust satisfies never;
  }
}

function firstFitting(claims: JsonObject, audience: string, trusts: readonly Trust[]) {
  const forAudience = trusts.filter((trust) => trust.audience === audience);
  let refused = new Refused("audience-mismatch", "The token is for another audience.");
  for (const trust of forAudience) {
    try {
      return { trust, claims: claimsFor(trust, claims) };
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      refused = failure;
    }
  }
  throw refused;
}

function claimsFor(trust: Trust, claims: JsonObject): JobClaims {
  switch (trust.kind) {
    case "github": {
      const organizationId = allowedId(claims, "repository_owner_id", trust.owners);
      const projectId = allowedId(claims, "repository_id", trust.repositories);
      if (trust.events !== undefined) requireAllowed("event", textMember(claims, "event_name", NAME), trust.events);
      return { kind: "github", organizationId, projectId, ref: optionalText(claims, "ref", NAME) };
    }
    case "circleci": {
      const rerun = member(claims, "oidc.circleci.com/ssh-rerun");
      if (!trust.allowsSshRerun && rerun !== undefined && rerun !== false)
        throw new Refused("rerun-refused", "The job was run again with SSH, so that a person can be in it.");
      const projectId = allowedId(claims, "oidc.circleci.com/project-id", trust.projects);
      const ref = optionalText(claims, "oidc.circleci.com/vcs-ref", NAME);
      return { kind: "circleci", organizationId: trust.organization, projectId, ref };
    }
    case "buildkite": {
      const organizationId = allowedId(claims, "organization_id", trust.organizations);
      const projectId = allowedId(claims, "pipeline_id", trust.pipelines);
      return { kind: "buildkite", organizationId, projectId, ref: optionalText(claims, "build_branch", NAME) };
    }
    default:
      return trust satisfies never;
  }
}

function allowedId(claims: JsonObject, name: string, allowed: readonly string[]): string {
  const id = textMember(claims, name, ID);
  requireAllowed(name, id, allowed);
  return id;
}
