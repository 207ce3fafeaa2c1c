import { parseDeviceReference } from "./device-reference.ts";
import { type Filesystem, VOLUME_KEY_BYTES, type VolumeOrder } from "./order.ts";
import { type Refusal, refusal } from "./refusal.ts";

const FILESYSTEMS: readonly string[] = ["ext4", "xfs"] satisfies readonly Filesystem[];

export function isFilesystem(name: string): name is Filesystem {
  return FILESYSTEMS.includes(name);
}

export function unknownFilesystem(name: string): Refusal {
  return refusal(
    "cache.filesystem-unknown",
    `The cache volume cannot have the file system ${JSON.stringify(name.slice(0, 32))}: this agent knows ${FILESYSTEMS.join(" and ")}`,
  );
}

export function onlyForDryRun(device: string): Refusal {
  return refusal(
    "cache.device-name-wrong",
    `${JSON.stringify(device.slice(0, 100))} is a file: only a dry run looks at one (builder-agent volume open --dry-run)`,
  );
}

/** What is wrong with an order by itself, before anything is looked at. */
export function judgeOrder({ device, filesystem, key }: VolumeOrder): Refusal | undefined {
  if (!isFilesystem(filesystem)) return unknownFilesystem(filesystem);
  if (device === undefined)
    return refusal(
      "cache.device-unnamed",
      "No device is named for the cache volume: set cacheVolume.device, or let the control plane name it",
    );
  if (parseDeviceReference(device) === undefined)
    return refusal(
      "cache.device-name-wrong",
      `${JSON.stringify(device.slice(0, 100))} does not name a device: it takes /dev/disk/by-id/… or udev:PROPERTY=value`,
    );
  return key.kind === "given" ? judgeKeyLength(key.key.reveal().length) : undefined;
}

function judgeKeyLength(bytes: number): Refusal | undefined {
  if (bytes === VOLUME_KEY_BYTES) return undefined;
  const short = bytes < VOLUME_KEY_BYTES;
  return refusal(
    short ? "cache.key-too-short" : "cache.key-too-long",
    `The cache volume's key has ${bytes} bytes, and must have ${VOLUME_KEY_BYTES}`,
  );
}
