import type { CacheFilesystemSeen } from "../core/cache-filesystem.ts";

/** The file system that BuildKit's cache lies on, as it is now. */
export interface CacheFilesystem {
  /**
   * Cheap: asks the kernel's files in memory, starts no process and never waits for the device.
   * Where this process tries writes itself, a look starts the next one when it is due.
   */
  look(): CacheFilesystemSeen;
}
