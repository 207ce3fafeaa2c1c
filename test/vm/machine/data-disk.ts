import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

export interface DataDiskOptions {
  readonly file: string;
  readonly sizeBytes: number;
  /** The guest sees it as /dev/disk/by-id/virtio-<serial>; default "cache". */
  readonly serial?: string;
  readonly readOnly?: boolean;
}

/** A disk beside the guest's own, as bytes in a file that can be read from outside. Blank at first, and sparse. */
export class DataDisk {
  readonly file: string;
  readonly serial: string;
  readonly readOnly: boolean;

  private constructor({ file, serial = "cache", readOnly = false }: DataDiskOptions) {
    this.file = file;
    this.serial = serial;
    this.readOnly = readOnly;
  }

  static async blank(options: DataDiskOptions): Promise<DataDisk> {
    const handle = await open(options.file, "wx");
    await handle.truncate(options.sizeBytes);
    await handle.close();
    return new DataDisk(options);
  }

  /** What the guest knows it by. */
  get device(): string {
    return `/dev/disk/by-id/virtio-${this.serial}`;
  }

  /** Of all its bytes: SHA-256, in hex. */
  async digest(): Promise<string> {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(this.file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    return hash.digest("hex");
  }

  /** Overwrites a part of it, as somebody else would have. */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    const handle = await open(this.file, "r+");
    try {
      await handle.write(bytes, 0, bytes.length, offset);
    } finally {
      await handle.close();
    }
  }

  async read(bytes: number, offset: number): Promise<Buffer> {
    const handle = await open(this.file, "r");
    try {
      return (await handle.read(Buffer.alloc(bytes), 0, bytes, offset)).buffer;
    } finally {
      await handle.close();
    }
  }
}
