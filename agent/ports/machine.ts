import type { MachineFacts, Resources, Versions } from "../core/machine.ts";

export interface Machine {
  /**
   * Slow (the inventory asks many files): once, for registration. A part that cannot be read is
   * left empty.
   */
  facts(signal: AbortSignal): Promise<MachineFacts>;
  /** The kernel's, random for each boot. */
  bootId(): Promise<string>;
  versions(): Promise<Versions>;
  /** Cheap. `cacheRoot` is the directory whose file system holds the cache. */
  resources(cacheRoot: string): Promise<Resources>;
}
