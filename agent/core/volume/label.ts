import type { Filesystem, VolumeKind, VolumeOrder, VolumeOwner } from "./order.ts";

/**
 * What a volume says of itself, in a LUKS2 token. It is written last of all, so that a labelled
 * volume is a complete one. Only with a right authentication code it is more than a claim.
 */
export interface LabelClaims {
  readonly kind: VolumeKind;
  readonly owner: VolumeOwner;
  readonly volumeId: string;
  readonly filesystem: Filesystem;
  /** Of the LUKS header: a label that was copied to another volume is none. */
  readonly luksUuid: string;
  readonly createdMs: number;
  /** The kernel's; of the boot that made it. */
  readonly bootId: string;
}

/**
 * The uuid of a header that its label covers: version 8, which RFC 9562 leaves to the vendor, where
 * an earlier release used a random one's 4. The label authenticates the uuid, so that nobody can
 * take the header's code away and pass the volume off as an earlier release's, which can still read
 * it.
 * @param random In the form of RFC 9562, version 4.
 */
export function coveredUuid(random: string): string {
  return `${random.slice(0, VERSION_AT)}8${random.slice(VERSION_AT + 1)}`;
}

export function isCoveredUuid(luksUuid: string): boolean {
  return luksUuid[VERSION_AT] === "8";
}

const VERSION_AT = 14;

/**
 * The form that is authenticated: one text for one meaning, whatever order a token's fields come
 * in.
 */
export function canonicalLabel({
  kind,
  owner,
  volumeId,
  filesystem,
  luksUuid,
  createdMs,
  bootId,
}: LabelClaims): string {
  const { orgId, projectId, architecture } = owner;
  const fields = [kind, orgId, projectId, architecture, volumeId, filesystem, luksUuid, createdMs, bootId];
  return JSON.stringify(["builder-agent volume label", 1, ...fields]);
}

export function labelFor(
  order: VolumeOrder,
  made: Pick<LabelClaims, "kind" | "luksUuid" | "createdMs" | "bootId">,
): LabelClaims {
  const { owner, volumeId, filesystem } = order;
  return { ...made, owner, volumeId, filesystem };
}

/** Which part of the claim is another's, if one is. */
export function foreignPart(
  claims: Pick<LabelClaims, "owner" | "volumeId">,
  order: Pick<VolumeOrder, "owner" | "volumeId">,
): ForeignPart | undefined {
  const { owner: theirs } = claims;
  const { owner: ours } = order;
  if (theirs.orgId !== ours.orgId) return { part: "org", theirs: theirs.orgId, ours: ours.orgId };
  if (theirs.projectId !== ours.projectId) return { part: "project", theirs: theirs.projectId, ours: ours.projectId };
  if (theirs.architecture !== ours.architecture)
    return { part: "architecture", theirs: theirs.architecture, ours: ours.architecture };
  if (claims.volumeId !== order.volumeId) return { part: "volume-id", theirs: claims.volumeId, ours: order.volumeId };
  return undefined;
}

export interface ForeignPart {
  readonly part: "org" | "project" | "architecture" | "volume-id";
  readonly theirs: string;
  readonly ours: string;
}
