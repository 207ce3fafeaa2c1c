import { randomBytes, randomUUID } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { type HeaderMetadata, headerFault } from "../../core/volume/header-form.ts";
import type { FormattingIntent } from "../../core/volume/inventory.ts";
import { coveredUuid, type LabelClaims, labelFor } from "../../core/volume/label.ts";
import { kindOf, VOLUME_KEY_BYTES, type VolumeOrder } from "../../core/volume/order.ts";
import type { FormattableAs, VolumePlan } from "../../core/volume/volume-plan.ts";
import { importLabel, luksFormat } from "./cryptsetup.ts";
import { HeaderCopy } from "./header-copy.ts";
import { ownLabelKey } from "./label-key.ts";
import { headerMac, labelMac, macKeyOf } from "./label-mac.ts";
import { tokenText } from "./label-token.ts";
import { readHeader } from "./luks-header.ts";
import { openByCopy } from "./open-by-copy.ts";
import { makeFilesystem } from "./settle-filesystem.ts";
import type { Steps } from "./steps.ts";
import type { VolumeHost } from "./volume-host.ts";

/**
 * Makes a new volume of a device that may be overwritten. Whenever this ends too early, the next
 * order finds either the device as it was, or our intent with something half-made, or a whole
 * volume: the intent comes first and the label last, each on disk before the next step.
 */
export async function formatVolume(
  host: VolumeHost,
  order: VolumeOrder,
  { device, found }: Extract<VolumePlan, { is: "format" }>,
  steps: Steps,
  signal: AbortSignal,
): Promise<LabelClaims> {
  const { run, mappings } = host;
  const luksUuid = coveredUuid(randomUUID());
  const kind = kindOf(order.key);
  const label = labelFor(order, { kind, luksUuid, createdMs: host.now(), bootId: host.bootId });
  const key = order.key.kind === "given" ? order.key.key.reveal() : randomBytes(VOLUME_KEY_BYTES);
  try {
    const macKey = kind === "kept" ? macKeyOf(key) : await ownLabelKey(host.labelKeyFile);
    await steps.take("record-intent", () => host.intent.write(intentFor(device, luksUuid, found, host.now())));
    await steps.take("luks-format", () => run(luksFormat(device, luksUuid), signal, key));
    await using copy = await HeaderCopy.of(device.path, device.sizeBytes, host.scratchDir);
    const metadata = await steps.take("read-header", () => ownHeader(host, { device, copy, luksUuid, key }, signal));
    await steps.take("open", () => openByCopy(host, { device: device.path, copy, metadata }, key, signal));
    await steps.take("make-filesystem", () =>
      run(makeFilesystem(order.filesystem, mappings.path, { hasOldJournal: false }), signal),
    );
    const codes = { mac: labelMac(label, macKey), headerMac: headerMac(luksUuid, metadata, macKey) };
    const token = Buffer.from(tokenText({ claims: label, ...codes }));
    await steps.take("write-label", () => run(importLabel(device.path), signal, token));
    await host.intent.forget();
    return label;
  } finally {
    if (kind === "per-boot") key.fill(0);
  }
}

/**
 * The header that was just written, which the label will cover. @throws {AgentError}
 * "cache.header-altered"
 */
async function ownHeader(
  { run }: VolumeHost,
  { device, copy, luksUuid, key }: Written,
  signal: AbortSignal,
): Promise<HeaderMetadata> {
  const header = await readHeader({ run, labelKey: undefined, givenKey: key }, copy, signal);
  const isOurs = header.is === "readable" && header.uuid === luksUuid && header.label.is === "none";
  const fault = header.is === "readable" ? headerFault(header.metadata) : "cannot be read";
  if (isOurs && fault === undefined && header.keyFits === true) return header.metadata;
  const because = fault ?? "is another one";
  throw new AgentError(
    "cache.header-altered",
    `The header that was just written to ${device.path} ${because}: does something else write to this device?`,
    { retryable: false },
  );
}

interface Written {
  readonly device: { readonly path: string };
  readonly copy: HeaderCopy;
  readonly luksUuid: string;
  readonly key: Uint8Array;
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
