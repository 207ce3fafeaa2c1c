import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { canonicalHeader, type HeaderMetadata } from "../../core/volume/header-form.ts";
import { canonicalLabel, type LabelClaims } from "../../core/volume/label.ts";

const MAC_KEY_BYTES = 32;

/**
 * The key that authenticates a kept volume's label: whoever has the volume's key can make one, and
 * nobody else.
 */
export function macKeyOf(volumeKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", volumeKey, "", "builder-agent volume label", MAC_KEY_BYTES));
}

/** HMAC-SHA256 over the label's canonical form. */
export function labelMac(claims: LabelClaims, macKey: Uint8Array): Uint8Array {
  return createHmac("sha256", macKey).update(canonicalLabel(claims)).digest();
}

/** The same over the header's metadata, under the same key. */
export function headerMac(luksUuid: string, metadata: HeaderMetadata, macKey: Uint8Array): Uint8Array {
  return createHmac("sha256", macKey).update(canonicalHeader(luksUuid, metadata)).digest();
}

export function isSameMac(mac: Uint8Array, right: Uint8Array): boolean {
  return mac.length === right.length && timingSafeEqual(mac, right);
}
