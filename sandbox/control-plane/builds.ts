import { randomBytes } from "node:crypto";
import { BuildPermission } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { KeyPair } from "../pki/key-pair.ts";
import type { Authorities } from "./authorities.ts";
import type { BuildPermissionName } from "./build-permissions.ts";
import type { Project } from "./project.ts";
import type { ProjectRef } from "./project-ref.ts";

export interface BuildOrder extends ProjectRef {
  /** Default: a random one. */
  readonly buildId?: string;
  /** How long the grant, and the certificate, last; default 30 minutes. */
  readonly ttlMs?: number;
  /** How long the certificate lasts, if not as long as the grant. */
  readonly certificateTtlMs?: number;
  /**
   * Only the certificate that is returned is let in, not another one for the same build. Default
   * false.
   */
  readonly pinKey?: boolean;
  /** What it may ask of BuildKit, if not what builds usually may. */
  readonly permissions?: readonly BuildPermission[];
  /** Whose clients' files BuildKit may take for its client's; default: nobody else's. */
  readonly contextGroup?: string;
}

/** What a build's client needs, but for its key and the server's address. */
export interface CertifiedBuild extends ProjectRef {
  readonly buildId: string;
  readonly expiresAt: Date;
  /** Chain, PEM. */
  readonly certPem: string;
  /** What the builder's own certificate chains to. */
  readonly caPem: string;
}

/** A build's ticket: the same, with a key that was made here. */
export interface Ticket extends CertifiedBuild {
  /** PKCS#8, PEM. */
  readonly keyPem: string;
}

/** The contract's words for what a build may ask. */
export const PERMISSION_OF: Readonly<Record<BuildPermissionName, BuildPermission>> = {
  build: BuildPermission.BUILD,
  "disk-usage": BuildPermission.DISK_USAGE,
  prune: BuildPermission.PRUNE,
  history: BuildPermission.HISTORY,
  "change-history": BuildPermission.CHANGE_HISTORY,
};

const DEFAULT_TTL_MS = 30 * 60_000;
/** The contract's form of an id. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** The key that is certified. */
export type BuildKey = Pick<KeyPair, "spkiDer" | "spkiSha256">;

/** A build that is in the desired state, and whose certificate nobody has yet. */
export interface OrderedBuild {
  readonly buildId: string;
  readonly expiresAt: Date;
  readonly key: BuildKey;
  readonly certificateEndsMs: number;
}

/**
 * Names the build in the desired state. @throws {Error} an id or a group's name that is none, or a
 * build that is open already.
 */
export function orderBuild(order: BuildOrder, key: BuildKey, project: Project, nowMs: number): OrderedBuild {
  const buildId = order.buildId ?? `b-${randomBytes(5).toString("hex")}`;
  requireId(buildId, "a build's id");
  const { contextGroup } = order;
  if (contextGroup !== undefined) requireId(contextGroup, "a group's name");
  if (project.isOpen(buildId)) throw new Error(`Build ${buildId} is open already.`);
  const expiresAt = new Date(nowMs + (order.ttlMs ?? DEFAULT_TTL_MS));
  const certificateEndsMs = order.certificateTtlMs === undefined ? expiresAt.getTime() : nowMs + order.certificateTtlMs;
  const keySpkiSha256 = order.pinKey === true ? Buffer.from(key.spkiSha256, "hex") : new Uint8Array();
  const permissions = order.permissions && { allowed: [...order.permissions] };
  project.open({ buildId, expiresAt, keySpkiSha256, permissions, contextGroup: contextGroup ?? "" });
  return { buildId, expiresAt, key, certificateEndsMs };
}

/** A machine refuses a desired state whole that has one of another form. */
function requireId(id: string, what: string): void {
  if (!ID.test(id)) throw new Error(`"${id}" cannot be ${what}: letters, digits, ".", "_" and "-", at most 128.`);
}

/** Issues the build's certificate: only now can anybody use it. */
export async function certifyBuild(
  build: OrderedBuild,
  ref: ProjectRef,
  authorities: Authorities,
): Promise<CertifiedBuild> {
  const { buildId, expiresAt, key, certificateEndsMs } = build;
  const { org, project } = ref;
  const certPem = await authorities.build({ org, project, buildId }, certificateEndsMs, key.spkiDer);
  return { org, project, buildId, expiresAt, certPem, caPem: authorities.builders.certPem };
}
