import { z } from "zod";
import { isId } from "../../core/identity.ts";
import type { LabelClaims } from "../../core/volume/label.ts";

const TYPE = "builder-agent";

const id = z.string().refine(isId);

/** The label as a LUKS2 token: cryptsetup wants `type` and `keyslots`, the rest is ours. */
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
});

export interface LabelToken {
  readonly claims: LabelClaims;
  readonly mac: Uint8Array;
}

export function tokenText({ claims, mac }: LabelToken): string {
  const token = { type: TYPE, keyslots: [], version: 1, label: claims, mac: Buffer.from(mac).toString("base64") };
  return JSON.stringify(token);
}

/** The token of ours among a header's tokens. Two of them say nothing that can be relied on. */
export function findToken(tokens: readonly unknown[]): LabelToken | "none" | "malformed" {
  const ours = tokens.filter(isOurs);
  if (ours.length === 0) return "none";
  const parsed = TokenSchema.safeParse(ours[0]);
  if (ours.length > 1 || !parsed.success) return "malformed";
  return { claims: parsed.data.label, mac: Buffer.from(parsed.data.mac, "base64") };
}

function isOurs(token: unknown): boolean {
  return typeof token === "object" && token !== null && "type" in token && token.type === TYPE;
}
