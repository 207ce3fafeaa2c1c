import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { canonicalLabel, type LabelClaims } from "../../core/volume/label.ts";

const MAC_KEY_BYTES = 32;

/** The key that authenticates a kept volume's label: whoever has the volume's key can make one, and nobody else. */
export function macKeyOf(volumeKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", volumeKey, "", "builder-agent volume label", MAC_KEY_BYTES));
}

/** HMAC-SHA256 over the label's canonical form. */
export function labelMac(claims: LabelClaims, macKey: Uint8Array): Uint8Array {
  return createHmac("sha256", macKey).update(canonicalLabel(claims)).digest();
}

export function isAuthentic(claims: LabelClaims, mac: Uint8Array, macKey: Uint8Array): boolean {
  const right = labelMac(claims, macKey);
  return mac.length === right.length && timingSafeEqual(mac, right);
}
