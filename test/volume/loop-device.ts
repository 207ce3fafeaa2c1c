import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { blankDisk, sh } from "./disk-image.ts";

/** A real block device, over a file. */
export class LoopDevice implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;

  private constructor(directory: string, path: string) {
    this.directory = directory;
    this.path = path;
  }

  static async attach(
    options: readonly string[],
    prepare: (disk: string) => unknown = () => undefined,
  ): Promise<LoopDevice> {
    const directory = await mkdtemp("/tmp/volume-loop-");
    const disk = await blankDisk(join(directory, "disk"));
    try {
      prepare(disk);
      return new LoopDevice(directory, sh("losetup", ["--find", "--show", ...options, disk]).trim());
    } catch (failure) {
      await rm(directory, { recursive: true });
      throw failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    sh("losetup", ["--detach", this.path]);
    await rm(this.directory, { recursive: true });
  }
}

/** Why there can be none here: a container may have no loop devices. */
export async function whyNoLoop(): Promise<string | undefined> {
  try {
    await (await LoopDevice.attach([]))[Symbol.asyncDispose]();
    return undefined;
  } catch (failure) {
    const [line] = failure instanceof Error ? failure.message.split("\n") : [];
    return `no loop device: ${line ?? "unknown"}`;
  }
}
