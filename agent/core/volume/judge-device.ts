import type { DeviceFacts } from "./inventory.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { LEAST_DEVICE_BYTES } from "./sizes.ts";

/** What a cache may stand on, as lsblk names it. */
const DISKS = /^(disk|part|lvm|md|raid\d+|linear|mpath|loop|file)$/;

export const LUKS = "crypto_LUKS";

/**
 * What makes a device unfit whatever our own label on it says: others use it, or it holds others'
 * things.
 */
export function judgeDevice(device: DeviceFacts): Refusal | undefined {
  return inUse(device) ?? unfit(device) ?? foreign(device);
}

function inUse({ path, use }: DeviceFacts): Refusal | undefined {
  const { mountPoints, swap, partitions, holders, claimed } = use;
  if (mountPoints.length > 0)
    return refusal("cache.mounted", `${path} is mounted on ${list(mountPoints)}: it is left as it is`);
  if (swap) return refusal("cache.swap", `${path} is in use as swap: it is left as it is`);
  if (partitions.length > 0)
    return refusal(
      "cache.partition-table",
      `${path} has partitions (${list(partitions)}): name an empty device, or one of them`,
    );
  if (holders.length > 0) return refusal("cache.held", `${path} is in use by ${list(holders)}: it is left as it is`);
  if (claimed)
    return refusal("cache.held", `${path} is in use by something that the kernel does not name: it is left as it is`);
  return undefined;
}

function unfit({ path, type, readOnly, sizeBytes }: DeviceFacts): Refusal | undefined {
  if (!DISKS.test(type))
    return refusal("cache.not-a-disk", `${path} is of the type ${JSON.stringify(type)}: a cache needs a disk`);
  if (readOnly) return refusal("cache.read-only", `${path} is read-only: a cache must be written`);
  if (sizeBytes < LEAST_DEVICE_BYTES)
    return refusal(
      "cache.too-small",
      `${path} has ${sizeBytes} bytes: a cache volume needs at least ${LEAST_DEVICE_BYTES}`,
    );
  return undefined;
}

function foreign({ path, signatures }: DeviceFacts): Refusal | undefined {
  const tables = signatures.filter(({ isPartitionTable }) => isPartitionTable);
  if (tables.length > 0)
    return refusal(
      "cache.partition-table",
      `${path} has a partition table (${named(tables)}): it is left as it is; if it is meant for the cache, wipe it by hand`,
    );
  const others = signatures.filter(({ type }) => type !== LUKS);
  if (others.length > 0)
    return refusal(
      "cache.foreign-signature",
      `${path} holds something else (${named(others)}): it is left as it is; if it is meant for the cache, wipe it by hand`,
    );
  return undefined;
}

function named(signatures: DeviceFacts["signatures"]): string {
  return list(signatures.map(({ type, offset }) => `${type} at byte ${offset}`));
}

/** The first few are enough to know what it is. */
function list(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}
