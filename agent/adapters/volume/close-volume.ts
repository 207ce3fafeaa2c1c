import { AgentError } from "../../core/errors.ts";
import type { LuksFacts, MappingFacts, OpenRecord } from "../../core/volume/inventory.ts";
import { closeMappingSurely } from "./close-mapping.ts";
import { eraseKeySlots, MAPPING } from "./cryptsetup.ts";
import { HeaderCopy } from "./header-copy.ts";
import { readLabelKey } from "./label-key.ts";
import { readHeader } from "./luks-header.ts";
import { sizeOf } from "./sysfs.ts";
import { lockedVolume, type VolumeHost } from "./volume-host.ts";

export interface ClosedVolume {
  /** Undefined: nothing was open. */
  readonly device?: string;
  /** The key slots are gone: nobody can open it again. */
  readonly erased: boolean;
}

/** It is closed while the machine stops, and the service manager's patience is a minute. */
const WAIT_S = 20;

/**
 * Closes what is open, erases the key slots of a per-boot volume, and forgets it. Each part is done
 * also if an earlier attempt ended before it; what is closed is not remembered any longer than
 * until its slots are erased. @throws {AgentError} "cache.still-in-use" (retryable)
 */
export function closeVolume(host: VolumeHost, signal: AbortSignal): Promise<ClosedVolume> {
  return lockedVolume(host, WAIT_S, signal, () => close(host, signal));
}

async function close(host: VolumeHost, signal: AbortSignal): Promise<ClosedVolume> {
  const mapping = await host.mappings.look(signal);
  const record = await host.opened.read();
  if (mapping !== undefined) await closeMappingSurely(host, mapping, signal);
  const device = record?.device ?? mapping?.device;
  if (device === undefined) return { erased: false };
  const luks = await headerOf(host, device, signal);
  const erased = luks !== undefined && diesNow(luks, record, mapping);
  if (erased) await host.run(eraseKeySlots(device), signal);
  await host.opened.forget();
  return { device, erased };
}

/**
 * Whether this is the volume that was open, and a per-boot one: the kernel's name of a device may
 * be another device's by now.
 */
function diesNow(luks: LuksFacts, record: OpenRecord | undefined, mapping: MappingFacts | undefined): boolean {
  if (luks.is !== "readable") return false;
  const { uuid, label } = luks;
  if (record !== undefined) return record.kind === "per-boot" && record.luksUuid === uuid;
  return mapping?.luksUuid === uuid && label.is === "there" && label.authentic && label.claims.kind === "per-boot";
}

/** Undefined if the device is gone. */
async function headerOf(host: VolumeHost, device: string, signal: AbortSignal): Promise<LuksFacts | undefined> {
  const sizeBytes = await sizeOf(device).catch(() => undefined);
  if (sizeBytes === undefined) return undefined;
  const labelKey = await readLabelKey(host.labelKeyFile);
  await using copy = await HeaderCopy.of(device, sizeBytes, host.scratchDir);
  return await readHeader({ run: host.run, labelKey, givenKey: undefined }, copy, signal);
}

/** What is open, as far as it is remembered. @throws {AgentError} "cache.not-open" */
export async function openedVolume(host: VolumeHost, signal: AbortSignal): Promise<OpenRecord> {
  const record = await host.opened.read();
  const mapping = await host.mappings.look(signal);
  if (record === undefined) throw notOpen("nothing was opened in this boot");
  if (mapping?.luksUuid !== record.luksUuid || record.bootId !== host.bootId)
    throw notOpen(`${record.volumeId} was opened on ${record.device}, but ${MAPPING} is not it any more`);
  return record;
}

function notOpen(because: string): AgentError {
  return new AgentError("cache.not-open", `The cache volume is not open: ${because}`, { retryable: true });
}
