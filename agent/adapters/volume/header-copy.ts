import { randomUUID } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { HEADER_BYTES } from "../../core/volume/sizes.ts";
import { numberOf } from "./sysfs.ts";

/**
 * A header's bytes as they were at one moment, in a file of root's on tmpfs. What is judged also
 * opens the volume, because whoever can write to the device can change its header in between. And
 * cryptsetup mends a damaged header of whatever it reads: nothing may be written to a device that
 * is not proven to be ours.
 */
export class HeaderCopy implements AsyncDisposable {
  readonly path: string;
  readonly bytes: Buffer;
  /** "major:minor" of the very device that was read; "0:0" of a file. */
  readonly deviceNumber: string;

  private constructor(path: string, { bytes, deviceNumber }: Beginning) {
    this.path = path;
    this.bytes = bytes;
    this.deviceNumber = deviceNumber;
  }

  static async of(device: string, sizeBytes: number, scratchDir: string): Promise<HeaderCopy> {
    await mkdir(scratchDir, { recursive: true, mode: 0o700 });
    const beginning = await beginningOf(device, Math.min(HEADER_BYTES, sizeBytes));
    const path = join(scratchDir, `header-${randomUUID()}`);
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(beginning.bytes);
      // As long as the device, and empty behind the header: cryptsetup compares sizes.
      await file.truncate(sizeBytes);
    } catch (failure) {
      await rm(path, { force: true });
      throw failure;
    } finally {
      await file.close();
    }
    return new HeaderCopy(path, beginning);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { force: true });
  }
}

type Beginning = Pick<HeaderCopy, "bytes" | "deviceNumber">;

async function beginningOf(device: string, length: number): Promise<Beginning> {
  const bytes = Buffer.alloc(length);
  const file = await open(device, "r");
  try {
    await file.read(bytes, 0, length, 0);
    return { bytes, deviceNumber: numberOf((await file.stat()).rdev) };
  } finally {
    await file.close();
  }
}
