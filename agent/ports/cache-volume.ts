import type { OpenedVolume, VolumeOrder } from "../core/volume/order.ts";

/** The encrypted volume under BuildKit's cache. */
export interface CacheVolume {
  /**
   * Finds the device, formats or opens it as the order allows, checks its file system, and mounts
   * it. Harmless if it is open as ordered. May take minutes where a file system is damaged.
   * @throws {AgentError} "cache.…": one code for each reason to refuse, and then nothing was
   * changed on any device. Retryable: the device is not there yet, or somebody uses it for now.
   */
  open(order: VolumeOrder, signal: AbortSignal): Promise<OpenedVolume>;
  /**
   * Stops what stands on it, unmounts, closes, and erases the key slots of a per-boot volume.
   * Harmless if nothing is open. @throws {AgentError}
   */
  close(signal: AbortSignal): Promise<void>;
}

/**
 * A directory in the place of a volume, for a machine that cannot have one: not encrypted, and it
 * says so.
 */
export interface PlainCache {
  open(order: VolumeOrder | undefined, signal: AbortSignal): Promise<OpenedVolume>;
  close(signal: AbortSignal): Promise<void>;
}
