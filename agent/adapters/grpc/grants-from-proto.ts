import type { CloseReason, Grant } from "../../core/allow-set.ts";
import { isId } from "../../core/build-identity.ts";
import type { Permission } from "../../core/calls.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type { Assignment } from "../../core/desired-state.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import {
  type Assignment as AssignmentProto,
  BuildPermission,
  type ClosedBuild,
  CloseReason as CloseReasonProto,
  type OpenBuild,
} from "./gen/builder/agent/v1/desired_state.ts";
import { id, requireAtMost, required, sha256Hex, timeMs } from "./scalars-from-proto.ts";

/** @throws {ContractBreach} */
export function assignmentFromProto(assignment: AssignmentProto | undefined): Assignment {
  const { orgId, projectId, architecture, debugGrantKey } = required("assignment", assignment);
  return {
    orgId: id("assignment.org_id", orgId),
    projectId: id("assignment.project_id", projectId),
    architecture: id("assignment.architecture", architecture),
    ...(debugGrantKey.length > 0 && { debugGrantKey }),
  };
}

/**
 * @throws {ContractBreach} if one of them does not parse, comes twice, or is not of this machine's
 * org and project.
 */
export function grantsFromProto(builds: readonly OpenBuild[], assignment: Assignment): ReadonlyMap<string, Grant> {
  requireAtMost("open_builds", builds.length, CONTRACT_LIMITS.openBuilds);
  const grants = new Map<string, Grant>();
  builds.forEach((build, index) => {
    const field = `open_builds[${index}]`;
    const grant = grantFromProto(field, build);
    if (grants.has(grant.buildId))
      throw new ContractBreach(`${field}.build_id`, `${quoted(grant.buildId)} comes twice`);
    if (grant.orgId !== assignment.orgId) {
      throw new ContractBreach(
        `${field}.org_id`,
        `is ${quoted(grant.orgId)}, but the machine is assigned to ${quoted(assignment.orgId)}`,
      );
    }
    if (grant.projectId !== assignment.projectId) {
      throw new ContractBreach(
        `${field}.project_id`,
        `is ${quoted(grant.projectId)}, but the machine is assigned to ${quoted(assignment.projectId)}`,
      );
    }
    grants.set(grant.buildId, grant);
  });
  return grants;
}

function grantFromProto(field: string, build: OpenBuild): Grant {
  const keySpkiSha256 = sha256Hex(`${field}.key_spki_sha256`, build.keySpkiSha256);
  return {
    buildId: id(`${field}.build_id`, build.buildId),
    orgId: id(`${field}.org_id`, build.orgId),
    projectId: id(`${field}.project_id`, build.projectId),
    expiresAtMs: timeMs(`${field}.expires_at`, build.expiresAt),
    ...(keySpkiSha256 !== undefined && { keySpkiSha256 }),
    ...(build.contextGroup !== "" && { contextGroup: id(`${field}.context_group`, build.contextGroup) }),
    ...(build.permissions !== undefined && { permissions: permissions(field, build.permissions.allowed) }),
  };
}

const PERMISSIONS: ReadonlyMap<BuildPermission, Permission> = new Map([
  [BuildPermission.BUILD, "build"],
  [BuildPermission.DISK_USAGE, "disk-usage"],
  [BuildPermission.PRUNE, "prune"],
  [BuildPermission.HISTORY, "history"],
  [BuildPermission.CHANGE_HISTORY, "change-history"],
]);

/**
 * In one order, whatever the control plane's: the same content is the same value. A newer one's
 * permit nothing.
 */
function permissions(field: string, allowed: readonly BuildPermission[]): readonly Permission[] {
  if (allowed.includes(BuildPermission.UNSPECIFIED))
    throw new ContractBreach(`${field}.permissions`, "has an unspecified permission");
  return [...PERMISSIONS].filter(([proto]) => allowed.includes(proto)).map(([, permission]) => permission);
}

const CLOSE_REASONS: ReadonlyMap<CloseReasonProto, CloseReason> = new Map([
  [CloseReasonProto.ENDED, "ended"],
  [CloseReasonProto.REVOKED, "revoked"],
]);

/**
 * For the record only: what is not understood is left out, and refuses nothing.
 * @throws {ContractBreach} if there are more than the contract allows.
 */
export function closedFromProto(builds: readonly ClosedBuild[]): ReadonlyMap<string, CloseReason> {
  requireAtMost("closed_builds", builds.length, CONTRACT_LIMITS.closedBuilds);
  const closed = new Map<string, CloseReason>();
  for (const { buildId, reason } of builds) {
    const known = CLOSE_REASONS.get(reason);
    if (known !== undefined && isId(buildId)) closed.set(buildId, known);
  }
  return closed;
}
