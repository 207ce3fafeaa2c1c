import type { FilesystemCheck } from "../../core/volume/order.ts";

/** A file system that can be mounted. */
export interface Settled {
  readonly check: FilesystemCheck;
  /** By how much it grew to fill its device. */
  readonly grownBytes: number;
}
