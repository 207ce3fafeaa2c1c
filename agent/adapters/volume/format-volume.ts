import { randomBytes, randomUUID } from "node:crypto";
import type { FormattingIntent } from "../../core/volume/inventory.ts";
import { type LabelClaims, labelFor } from "../../core/volume/label.ts";
import { kindOf, VOLUME_KEY_BYTES, type VolumeOrder } from "../../core/volume/order.ts";
import type { FormattableAs, VolumePlan } from "../../core/volume/volume-plan.ts";
import { importLabel, luksFormat, openMapping } from "./cryptsetup.ts";
import { ownLabelKey } from "./label-key.ts";
import { labelMac, macKeyOf } from "./label-mac.ts";
import { tokenText } from "./label-token.ts";
import { makeFilesystem } from "./settle-filesystem.ts";
import type { Steps } from "./steps.ts";
import type { VolumeHost } from "./volume-host.ts";

/**
 * Makes a new volume of a device that may be overwritten. Whenever this ends too early, the next order finds either the device as it was, or our
 * intent with something half-made, or a whole volume: the intent comes first and the label last, each on disk before the next step.
 */
export async function formatVolume(
  host: VolumeHost,
  order: VolumeOrder,
  { device, found }: Extract<VolumePlan, { is: "format" }>,
  steps: Steps,
  signal: AbortSignal,
): Promise<LabelClaims> {
  const { run, mappings } = host;
  const luksUuid = randomUUID();
  const kind = kindOf(order.key);
  const label = labelFor(order, { kind, luksUuid, createdMs: host.now(), bootId: host.bootId });
  const key = order.key.kind === "given" ? order.key.key.reveal() : randomBytes(VOLUME_KEY_BYTES);
  try {
    const macKey = kind === "kept" ? macKeyOf(key) : await ownLabelKey(host.labelKeyFile);
    await steps.take("record-intent", () => host.intent.write(intentFor(device, luksUuid, found, host.now())));
    await steps.take("luks-format", () => run(luksFormat(device, luksUuid), signal, key));
    await steps.take("open", () => run(openMapping(device.path), signal, key));
    await steps.take("make-filesystem", () =>
      run(makeFilesystem(order.filesystem, mappings.path, kind, found), signal),
    );
    const token = Buffer.from(tokenText({ claims: label, mac: labelMac(label, macKey) }));
    await steps.take("write-label", () => run(importLabel(device.path), signal, token));
    await host.intent.forget();
    return label;
  } finally {
    if (kind === "per-boot") key.fill(0);
  }
}

function intentFor(
  { identity, sizeBytes }: { readonly identity?: string; readonly sizeBytes: number },
  luksUuid: string,
  found: FormattableAs,
  beganMs: number,
): FormattingIntent {
  const was = typeof found === "string" ? found : found.interrupted;
  return { ...(identity !== undefined && { identity }), sizeBytes, luksUuid, found: was, beganMs };
}
