const MIB = 1024 * 1024;

/**
 * LUKS2 as cryptsetup makes it by default: both headers and the key slots, then the data. Also what
 * luksFormat overwrites.
 */
export const HEADER_BYTES = 16 * MIB;

/**
 * xfs cannot be made under 300 MiB (xfsprogs 5.19), and a cache under this is not worth its mount.
 */
export const LEAST_DEVICE_BYTES = 512 * MIB;

/**
 * A block group of ext4 with 4 KiB blocks: growth by less is not worth a check of the whole file
 * system.
 */
export const LEAST_GROWTH_BYTES = 128 * MIB;

/**
 * One initialisation vector for each block of the file system instead of each 512 bytes: less work.
 * It needs a device of whole blocks.
 */
export function encryptionSectorBytes(deviceBytes: number): 512 | 4096 {
  return deviceBytes % 4096 === 0 ? 4096 : 512;
}
