import type { Secret } from "../secret.ts";

/** Whose cache it is. All three stand in the volume's label, and all three must match. */
export interface VolumeOwner {
  readonly orgId: string;
  readonly projectId: string;
  readonly architecture: string;
}

export type Filesystem = "ext4" | "xfs";

/** What a volume shall be opened as. */
export interface VolumeOrder {
  readonly owner: VolumeOwner;
  readonly volumeId: string;
  /** `/dev/disk/by-id/…` or `udev:KEY=VALUE`. Absent: none was named, which is refused. */
  readonly device?: string;
  /** What a new volume gets; one that is there keeps its own. */
  readonly filesystem: Filesystem;
  readonly key: VolumeKey;
}

export type VolumeKey =
  /**
   * Random, made where the volume is opened, and nowhere else: the cache does not outlive the boot.
   */
  | { readonly kind: "per-boot" }
  /**
   * VOLUME_KEY_BYTES random bytes. Opening a volume leaves them as they are: who made the copy
   * overwrites it.
   */
  | { readonly kind: "given"; readonly key: Secret<Uint8Array> };

/** 512 bits: as much as AES-256-XTS takes. */
export const VOLUME_KEY_BYTES = 64;

/** What dies with the boot, and what is kept for the next machine. */
export type VolumeKind = "per-boot" | "kept";

export function kindOf(key: VolumeKey): VolumeKind {
  return key.kind === "per-boot" ? "per-boot" : "kept";
}

/** A cache that can be used. */
export interface OpenedVolume {
  readonly encrypted: boolean;
  /** The kernel's name of the device today, or the directory of a plain cache. */
  readonly device: string;
  /** Empty for a plain directory that nobody gave an id. */
  readonly volumeId: string;
  readonly kind: VolumeKind | "plain";
  /** Empty where it is not ours to choose. */
  readonly filesystem: Filesystem | "";
  /** Made anew by this order: it is empty. */
  readonly formatted: boolean;
  readonly check: FilesystemCheck;
  /** By how much the file system grew to fill its device. */
  readonly grownBytes: number;
  readonly steps: readonly TimedStep[];
  /** It was open already in this boot, and stays as it is. */
  readonly takenOver: boolean;
}

export type FilesystemCheck =
  /** It had been left in order, or is new. */
  | "not-needed"
  /** It had not been left in order; nothing was lost. */
  | "clean"
  | "repaired"
  /** Beyond repair: made anew, and empty. */
  | "rebuilt";

export interface TimedStep {
  readonly name: string;
  readonly tookMs: number;
}
