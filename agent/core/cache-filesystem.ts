/** A mount, as the kernel lists it. */
export interface MountSeen {
  readonly mountPoint: string;
  /** "254:0" */
  readonly device: string;
  /** Which part of the file system is mounted; "/" unless it is a bind mount. */
  readonly root: string;
  /** "/dev/mapper/builder-agent-cache" */
  readonly source: string;
  /** "ext4" */
  readonly filesystem: string;
  /**
   * Of the file system, not of the mount: a confined process has mounts of its own, read-only where
   * the machine's is not.
   */
  readonly options: readonly string[];
}

/** What the kernel says of the block device; absent where there is none (a tmpfs, a network). */
export interface DeviceSeen {
  /** "dm-0" */
  readonly name: string;
  /**
   * - "gone": it was removed, or the kernel has given it up.
   * - "unmapped": a mapping with nothing below it.
   * - "suspended": a mapping that holds everything back for now.
   */
  readonly is: "there" | "gone" | "unmapped" | "suspended";
  /** Which device is gone: this one, or one below it. */
  readonly which: string;
}

/** What ext4 has found wrong with itself, ever; absent: nothing, or another file system. */
export interface FilesystemErrors {
  readonly count: number;
  /** "EIO", "EFSCORRUPTED"; "" if the kernel names none. */
  readonly errno: string;
  /** Which function of the kernel found it. */
  readonly where: string;
}

/** A small write, made again and again: what is true of a file system is whether it takes one. */
export type WriteTry =
  /** Nobody tries. */
  | { readonly is: "none" }
  | { readonly is: "under-way" | "written"; readonly number: string }
  | { readonly is: "refused"; readonly number: string; readonly errno: string };

/** Everything that can be seen of the cache's file system without waiting for its device. */
export interface CacheFilesystemSeen {
  /** What holds the cache's directory; absent: no mount of its own where there should be one. */
  readonly mount?: MountSeen;
  readonly device?: DeviceSeen;
  readonly errors?: FilesystemErrors;
  readonly write: WriteTry;
}

export type CacheFilesystemView =
  | { readonly at: "unknown" }
  | {
      readonly at: "seen";
      /** As it was when the cache was opened. */
      readonly opened?: MountSeen;
      readonly now: Omit<CacheFilesystemSeen, "write">;
      readonly write:
        | { readonly is: "nobody" | "first" | "written" }
        | { readonly is: "refused"; readonly errno: string }
        /** Not over since then, Unix milliseconds. */
        | { readonly is: "hanging"; readonly sinceMs: number };
    };

/**
 * After which a write that is not over is called hanging. Writes of a busy disk have been seen to
 * take seconds; one that takes longer than this is of no use to a build.
 */
export const HANGING_MS = 12_000;
