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
}

/**
 * A disk beside the guest's own, as bytes in a file that can be read from outside. Blank at first,
 * and sparse.
 */
export class DataDisk {
  readonly file: string;
  readonly serial: string;
  readonly readOnly: boolean;

  private constructor(file: string, serial: string, readOnly: boolean) {
    this.file = file;
    this.serial = serial;
    this.readOnly = readOnly;
  }

  static async blank(
    dir: string,
    { serial = "cache", sizeBytes = DISK_BYTES, readOnly = false }: DataDiskOptions = {},
  ) {
    return new DataDisk(await blankDisk(join(dir, `${serial}.raw`), sizeBytes), serial, readOnly);
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
