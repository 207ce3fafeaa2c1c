import { labelMac, macKeyOf } from "../../../agent/adapters/volume/label-mac.ts";
import { tokenText } from "../../../agent/adapters/volume/label-token.ts";
import { Secret } from "../../../agent/core/secret.ts";
import { type LabelClaims, labelFor } from "../../../agent/core/volume/label.ts";
import type { VolumeOwner } from "../../../agent/core/volume/order.ts";
import { foreignLuks, sh } from "../../volume/disk-image.ts";

/**
 * Puts a kept volume of this owner, that `key` opens, onto a disk; its label is made with
 * `labelKey`.
 */
export function putVolume(
  file: string,
  {
    owner,
    volumeId,
    key,
    labelKey = key,
  }: { owner: VolumeOwner; volumeId: string; key: Uint8Array; labelKey?: Uint8Array },
): void {
  foreignLuks(file, key);
  const luksUuid = sh("cryptsetup", ["luksUUID", file]).trim();
  const order = { owner, volumeId, filesystem: "ext4", key: { kind: "given", key: new Secret(key) } } as const;
  const claims: LabelClaims = labelFor(order, {
    kind: "kept",
    luksUuid,
    createdMs: 1_700_000_000_000,
    bootId: luksUuid,
  });
  const token = tokenText({ claims, mac: labelMac(claims, macKeyOf(labelKey)) });
  sh("cryptsetup", ["token", "import", "--json-file", "-", file], Buffer.from(token));
}
