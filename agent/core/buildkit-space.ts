import type { BuildkitSettings } from "./desired-state.ts";

/** How much of the disk the cache may take, in bytes. */
export interface CacheSpace {
  /** Garbage collection never goes below this. */
  readonly reservedBytes: number;
  /** Above this it collects. */
  readonly maxUsedBytes: number;
  /** It collects too when less than this is free on the disk, whoever fills it. */
  readonly minFreeBytes: number;
}

/**
 * Shares of the disk, where the control plane sets nothing. BuildKit's own are 10 %, 80 % and 20 %,
 * the first two capped at 10 and 100 GB, for a disk that it shares with a system; ours is the
 * cache's own, so nothing is capped, more is kept, and a tenth stays free for the layers of the
 * builds that run.
 */
const SHARES = { reserved: 0.2, maxUsed: 0.8, minFree: 0.1 } as const;

/** Assumed where the disk does not tell its size; small, so that it is safe. */
const UNKNOWN_DISK_BYTES = 10e9;

/**
 * Fits what is wanted into the disk. 1 ≤ reserved ≤ maxUsed, and maxUsed + minFree ≤ disk. No value
 * is 0: to BuildKit a policy of zeros means "keep nothing". `notes` tell, in a sentence each, where
 * a setting of the control plane was not taken as it is.
 */
export function cacheSpace(
  settings: Pick<BuildkitSettings, "reservedSpaceBytes" | "maxUsedSpaceBytes" | "minFreeSpaceBytes">,
  diskBytes: number,
): { readonly space: CacheSpace; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const isKnown = Number.isFinite(diskBytes) && diskBytes >= 1;
  const disk = isKnown ? Math.floor(diskBytes) : UNKNOWN_DISK_BYTES;
  if (!isKnown) notes.push(`The size of the cache's disk is unknown: ${UNKNOWN_DISK_BYTES} bytes are assumed`);
  const fit = (name: string, wanted: number, share: number, limit: number): number => {
    const most = Math.max(1, Math.floor(limit));
    if (!(wanted > 0)) return Math.min(most, Math.max(1, Math.floor(disk * share)));
    if (wanted <= most) return Math.floor(Math.max(1, wanted));
    notes.push(`${name} ${wanted} does not fit a disk of ${disk} bytes with the other settings: ${most} is used`);
    return most;
  };
  const minFreeBytes = fit("min_free_space_bytes", settings.minFreeSpaceBytes, SHARES.minFree, disk / 2);
  const maxUsedBytes = fit("max_used_space_bytes", settings.maxUsedSpaceBytes, SHARES.maxUsed, disk - minFreeBytes);
  const reservedBytes = fit("reserved_space_bytes", settings.reservedSpaceBytes, SHARES.reserved, maxUsedBytes);
  return { space: { reservedBytes, maxUsedBytes, minFreeBytes }, notes };
}
