import { randomBytes } from "node:crypto";
import { KeyPair } from "../pki/key-pair.ts";
import type { Authorities } from "./authorities.ts";
import type { Project } from "./project.ts";
import type { ProjectRef } from "./project-ref.ts";

export interface BuildOrder extends ProjectRef {
  /** Default: a random one. */
  readonly buildId?: string;
  /** How long the grant, and the certificate, last; default 30 minutes. */
  readonly ttlMs?: number;
  /** How long the certificate lasts, if not as long as the grant. */
  readonly certificateTtlMs?: number;
  /** Only the certificate that is returned is let in, not another one for the same build. Default false. */
  readonly pinKey?: boolean;
}

/** A build's ticket: what its client needs, but for the server's address. */
export interface Ticket extends ProjectRef {
  readonly buildId: string;
  readonly expiresAt: Date;
  /** Chain, PEM. */
  readonly certPem: string;
  /** PKCS#8, PEM. */
  readonly keyPem: string;
  /** What the builder's own certificate chains to. */
  readonly caPem: string;
}

const DEFAULT_TTL_MS = 30 * 60_000;
/** The contract's form of an id. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Issues the ticket, then grants the build: a certificate without a grant opens nothing. */
export async function openBuild(
  order: BuildOrder,
  project: Project,
  authorities: Authorities,
  nowMs: number,
): Promise<Ticket> {
  const buildId = order.buildId ?? `b-${randomBytes(5).toString("hex")}`;
  if (!ID.test(buildId))
    throw new Error(`"${buildId}" cannot be a build's id: letters, digits, ".", "_" and "-", at most 128.`);
  if (project.isOpen(buildId)) throw new Error(`Build ${buildId} is open already.`);
  const expiresAtMs = nowMs + (order.ttlMs ?? DEFAULT_TTL_MS);
  const key = await KeyPair.generate();
  const certificateEndsMs = order.certificateTtlMs === undefined ? expiresAtMs : nowMs + order.certificateTtlMs;
  const { org, project: name } = order;
  const certificate = await authorities.build({ org, project: name, buildId }, certificateEndsMs, key);
  const expiresAt = new Date(expiresAtMs);
  const keySpkiSha256 = order.pinKey === true ? Buffer.from(key.spkiSha256, "hex") : new Uint8Array();
  project.open({ buildId, expiresAt, keySpkiSha256 });
  const { chainPem: certPem, keyPem } = certificate;
  return { org, project: name, buildId, expiresAt, certPem, keyPem, caPem: authorities.builders.certPem };
}
