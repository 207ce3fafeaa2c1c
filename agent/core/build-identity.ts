/**
 * Ids of orgs, projects and builds, as the contract allows them: they appear in paths, logs and
 * SPIFFE ids.
 */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const TRUST_DOMAIN = /^(?=.{1,255}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

export function isId(value: string): boolean {
  return ID.test(value);
}

/** A SPIFFE trust domain: lower case, no scheme, no port (SPIFFE-ID, section 2.1). */
export function isTrustDomain(value: string): boolean {
  return TRUST_DOMAIN.test(value);
}

export interface BuildIdentity {
  readonly orgId: string;
  readonly projectId: string;
  readonly buildId: string;
}

/**
 * Reads a build's SPIFFE id, `spiffe://<trust domain>/org/<org>/project/<project>/build/<build>`.
 * The comparison is exact: no decoding, no case folding, no trailing slash, so that two spellings
 * can never name one build.
 */
export function parseBuildUri(uri: string, trustDomain: string): BuildIdentity | undefined {
  const [scheme, empty, domain, org, orgId, project, projectId, build, buildId, ...rest] = uri.split("/");
  if (scheme !== "spiffe:" || empty !== "" || domain !== trustDomain || rest.length > 0) return undefined;
  if (org !== "org" || project !== "project" || build !== "build") return undefined;
  if (orgId === undefined || projectId === undefined || buildId === undefined) return undefined;
  return isId(orgId) && isId(projectId) && isId(buildId) ? { orgId, projectId, buildId } : undefined;
}
