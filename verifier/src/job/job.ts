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
  /** Absent: whichever of the trusted issuers the token names. */
  readonly kind?: "github" | "circleci" | "buildkite";
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
      /** `ref`, such as refs/heads/main; undefined: any. */
      readonly refs?: readonly string[];
      /** `environment`, whose own rules GitHub has checked; undefined: any, and none. */
      readonly environments?: readonly string[];
    })
  | (AnyTrust & {
      readonly kind: "circleci";
      readonly organization: string;
      /** `oidc.circleci.com/project-id`. */
      readonly projects: readonly string[];
      /** Whether a person may be logged in to the job by SSH. */
      readonly allowsSshRerun: boolean;
      /** `oidc.circleci.com/vcs-ref`; undefined: any. */
      readonly refs?: readonly string[];
    })
  | (AnyTrust & {
      readonly kind: "buildkite";
      /** `organization_id`: the issuer is the same for everybody. */
      readonly organizations: readonly string[];
      /** `pipeline_id`. */
      readonly pipelines: readonly string[];
      /** `build_branch`; undefined: any. */
      readonly branches?: readonly string[];
    });

export interface JobExpectation {
  readonly trusts: readonly Trust[];
}

export interface JobClaims {
  readonly kind: Trust["kind"];
  readonly organizationId: string;
  /** Of the repository, project or pipeline. */
  readonly projectId: string;
  readonly ref: string | undefined;
}

export interface ProvenJob extends JobClaims {
  /** Those of the expectation that take this job, at least one. */
  readonly trusts: readonly Trust[];
}

/**
 * The most that a token may live, seconds. GitHub's live for six hours (its own
 * `actions-oidc-debugger` shows one), CircleCI's for one; Buildkite's as long as the job asks for,
 * five minutes as a rule.
 */
const MOST_LIFETIMES_S = { github: 21_600, circleci: 3_600, buildkite: 3_600 } as const;
const ID = /^[A-Za-z0-9-]{1,64}$/;
const NAME = /^[\x20-\x7e]{1,255}$/;

/** By every trust whose lists hold. @throws {Refused} */
export async function proveJob(
  { kind, jwt }: JobEvidence,
  { trusts }: JobExpectation,
  { nowMs, spent }: { readonly nowMs: number; readonly spent: SpentTokens },
): Promise<ProvenJob> {
  const ofKind = kind === undefined ? trusts : trusts.filter((trust) => trust.kind === kind);
  if (ofKind.length === 0) throw new Refused("kind-not-accepted", "Jobs of this CI system are not accepted here.");
  const token = readCompactJwt(jwt);
  const named = ofKind.map((trust) => ({ trust, keys: trust.keys, issuer: jobIssuer(trust) }));
  const trusted = issuerOf(token, named);
  const mostLifetimeS = MOST_LIFETIMES_S[trusted.trust.kind];
  const verified = await verifyJwt(token, { ...trusted, algorithms: ["RS256"], mostLifetimeS }, nowMs);
  const audience = soleAudience(verified.claims);
  // Only those that trust the very keys which the token was verified with.
  const candidates = named.filter(({ issuer, keys }) => issuer === trusted.issuer && keys === trusted.keys);
  const proven = fitting(
    verified.claims,
    audience,
    candidates.map(({ trust }) => trust),
  );
  if (proven.trusts.some(({ isSingleUse }) => isSingleUse)) await spendJwt(spent, token, verified);
  return proven;
}

/** What a CI system's issuer is called by; CircleCI has one for each organization. */
export type JobSystem =
  | { readonly kind: "github" | "buildkite" }
  | { readonly kind: "circleci"; readonly organization: string };

/** Who signs these jobs' tokens: the claim `iss`. */
export function jobIssuer(system: JobSystem): string {
  switch (system.kind) {
    case "github":
      return "https://token.actions.githubusercontent.com";
    case "circleci":
      return `https://oidc.circleci.com/org/${system.organization}`;
    case "buildkite":
      return "https://agent.buildkite.com";
    default:
      return system satisfies never;
  }
}

function fitting(claims: JsonObject, audience: string, trusts: readonly Trust[]): ProvenJob {
  const forAudience = trusts.filter((trust) => trust.audience === audience);
  let refused = new Refused("audience-mismatch", "The token is for another audience.");
  let proven: ProvenJob | undefined;
  for (const trust of forAudience) {
    try {
      proven = { ...claimsFor(trust, claims), trusts: [...(proven?.trusts ?? []), trust] };
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      refused = failure;
    }
  }
  if (proven === undefined) throw refused;
  return proven;
}

function claimsFor(trust: Trust, claims: JsonObject): JobClaims {
  switch (trust.kind) {
    case "github": {
      const organizationId = allowedId(claims, "repository_owner_id", trust.owners);
      const projectId = allowedId(claims, "repository_id", trust.repositories);
      requireWhere(claims, "event_name", trust.events);
      requireWhere(claims, "ref", trust.refs);
      requireWhere(claims, "environment", trust.environments);
      return { kind: "github", organizationId, projectId, ref: optionalText(claims, "ref", NAME) };
    }
    case "circleci": {
      const rerun = member(claims, "oidc.circleci.com/ssh-rerun");
      if (!trust.allowsSshRerun && rerun !== undefined && rerun !== false)
        throw new Refused("rerun-refused", "The job was run again with SSH, so that a person can be in it.");
      const projectId = allowedId(claims, "oidc.circleci.com/project-id", trust.projects);
      requireWhere(claims, "oidc.circleci.com/vcs-ref", trust.refs);
      const ref = optionalText(claims, "oidc.circleci.com/vcs-ref", NAME);
      return { kind: "circleci", organizationId: trust.organization, projectId, ref };
    }
    case "buildkite": {
      const organizationId = allowedId(claims, "organization_id", trust.organizations);
      const projectId = allowedId(claims, "pipeline_id", trust.pipelines);
      requireWhere(claims, "build_branch", trust.branches);
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

/** Where there is no list, anything is allowed, and so is nothing. */
function requireWhere(claims: JsonObject, name: string, allowed: readonly string[] | undefined): void {
  if (allowed !== undefined) requireAllowed(name, textMember(claims, name, NAME), allowed);
}
