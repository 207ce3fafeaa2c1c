import { tmpdir } from "node:os";
import { join } from "node:path";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { blankDisk, hashOf } from "../../volume/disk-image.ts";

const DISK_BYTES = 1024 ** 3;

export interface DataDiskOptions {
  /** The guest sees it as /dev/disk/by-id/virtio-<serial>; default "cache". */
  readonly serial?: string;
  /** Default 1 GiB. */
  readonly sizeBytes?: number;
  readonly readOnly?: boolean;
  /** Whether what the guest tells it is kept, request by request, in `logFile`. */
  readonly logged?: boolean;
}

/**
 * A disk beside the guest's own, as bytes in a file that can be read from outside. Blank at first,
 * and sparse.
 */
export class DataDisk {
  readonly file: string;
  readonly serial: string;
  readonly readOnly: boolean;
  /** As `test/power/write-log.ts` reads it. */
  readonly logFile: string | undefined;

  private constructor(file: string, serial: string, readOnly: boolean, logFile: string | undefined) {
    this.file = file;
    this.serial = serial;
    this.readOnly = readOnly;
    this.logFile = logFile;
  }

  static async blank(
    dir: string,
    { serial = "cache", sizeBytes = DISK_BYTES, readOnly = false, logged = false }: DataDiskOptions = {},
  ) {
    const logFile = logged ? await blankDisk(join(dir, `${serial}.writes`), 0) : undefined;
    return new DataDisk(await blankDisk(join(dir, `${serial}.raw`), sizeBytes), serial, readOnly, logFile);
  }

  /** An image of a disk, as somebody else has made it. */
  static of(file: string, serial = "cache"): DataDisk {
    return new DataDisk(file, serial, false, undefined);
  }

  /** What the guest knows it by. */
  get device(): string {
    return `/dev/disk/by-id/virtio-${this.serial}`;
  }

  /** Of all its bytes. */
  digest(): Promise<string> {
    return hashOf(this.file);
  }
}

/** Disks that outlive the machines which they are plugged into, and go with this. */
export class DiskShelf implements AsyncDisposable {
  readonly dir: string;
  readonly #owner: TempDir;

  private constructor(owner: TempDir) {
    this.dir = owner.path;
    this.#owner = owner;
  }

  static async make(): Promise<DiskShelf> {
    return new DiskShelf(await TempDir.make(join(tmpdir(), "vm-disks-")));
  }

  blank(options?: DataDiskOptions): Promise<DataDisk> {
    return DataDisk.blank(this.dir, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner[Symbol.asyncDispose]();
  }
}
