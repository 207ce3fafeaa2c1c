import { z } from "zod";
import { isId } from "../../core/build-identity.ts";
import type { LabelClaims } from "../../core/volume/label.ts";

const TYPE = "builder-agent";

const id = z.string().refine(isId);

/**
 * The label as a LUKS2 token: cryptsetup wants `type` and `keyslots`, the rest is ours. Earlier
 * releases pass over a member of the token that they do not know, and refuse one of the label.
 */
const TokenSchema = z.object({
  type: z.literal(TYPE),
  version: z.literal(1),
  label: z.strictObject({
    kind: z.enum(["per-boot", "kept"]),
    owner: z.strictObject({ orgId: id, projectId: id, architecture: id }),
    volumeId: id,
    filesystem: z.enum(["ext4", "xfs"]),
    luksUuid: z.string(),
    createdMs: z.number(),
    bootId: z.string(),
  }),
  mac: z.base64(),
  headerMac: z.base64().exactOptional(),
});

export interface LabelToken {
  readonly claims: LabelClaims;
  readonly mac: Uint8Array;
  /** Of the header around it. Absent: an earlier release made the token. */
  readonly headerMac?: Uint8Array;
}

export function tokenText({ claims, mac, headerMac }: LabelToken): string {
  const codes = { mac: base64(mac), ...(headerMac !== undefined && { headerMac: base64(headerMac) }) };
  return JSON.stringify({ type: TYPE, keyslots: [], version: 1, label: claims, ...codes });
}

/** The token of ours among a header's tokens. Two of them say nothing that can be relied on. */
export function findToken(tokens: readonly unknown[]): LabelToken | "none" | "malformed" {
  const ours = tokens.filter(isOurs);
  if (ours.length === 0) return "none";
  const parsed = TokenSchema.safeParse(ours[0]);
  if (ours.length > 1 || !parsed.success) return "malformed";
  const { label: claims, mac, headerMac } = parsed.data;
  const header = headerMac !== undefined && { headerMac: Buffer.from(headerMac, "base64") };
  return { claims, mac: Buffer.from(mac, "base64"), ...header };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function isOurs(token: unknown): boolean {
  return typeof token === "object" && token !== null && "type" in token && token.type === TYPE;
}
