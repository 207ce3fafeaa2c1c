import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const MIB = 1024 * 1024;

/**
 * A file system of its own, in memory, mounted at `dir`. Dispose it when nobody works in it any
 * more.
 */
export class SmallDisk implements Disposable {
  readonly dir: string;
  readonly #filler: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.#filler = join(dir, "filler");
  }

  /** `inodes`: as many as the kernel thinks fit, if absent. */
  static async mount(dir: string, mebibytes: number, inodes?: number): Promise<SmallDisk> {
    await mkdir(dir, { recursive: true });
    const limit = inodes === undefined ? "" : `,nr_inodes=${inodes}`;
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700${limit}`, "small-disk", dir]);
    return new SmallDisk(dir);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.dir);
    return bavail * bsize;
  }

  freeInodes(): number {
    return statfsSync(this.dir).ffree;
  }

  /** Takes all that is free but `left` bytes. */
  fill(left = 0): void {
    const piece = Buffer.alloc(MIB / 16, 1);
    const file = openSync(this.#filler, "a");
    try {
      while (this.freeBytes() > left) writeSync(file, piece, 0, Math.min(piece.length, this.freeBytes() - left));
    } finally {
      closeSync(file);
    }
  }

  giveBack(): void {
    rmSync(this.#filler, { force: true });
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.dir]);
  }
}
