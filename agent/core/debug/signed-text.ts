import type { DebugGrant } from "./grant.ts";

/**
 * What the org's key signs of a grant, byte for byte as `DebugGrant` in the contract says: each
 * value has its length before it, so that no two grants have the same text.
 */
export function signedText(grant: DebugGrant): Uint8Array {
  const lines: readonly (readonly [string, string])[] = [
    ["grant_id", grant.grantId],
    ["machine_id", grant.machineId],
    ["user", grant.user],
    ["granted_by", grant.grantedBy],
    ["granted_at", String(grant.grantedAtMs)],
    ["start_before", String(grant.startBeforeMs)],
    ["ends_at", String(grant.endsAtMs)],
    ["run_as", grant.runAs],
    ["idle_limit", String(grant.idleLimitMs)],
    ["disconnect_grace", String(grant.disconnectGraceMs)],
    ...grant.command.map((word) => ["argument", word.reveal()] as const),
  ];
  const utf8 = new TextEncoder();
  const text = lines.map(([name, value]) => `${name} ${utf8.encode(value).length} ${value}\n`).join("");
  return utf8.encode(`builder-agent debug grant v1\n${text}`);
}
