import { open, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Space that is kept from everybody, in a file. On an ext4 without a free block BuildKit cannot
 * even prune ("write metadata_v2.db: no space left on device"), and when it is started again it
 * takes overlayfs for unsupported and falls back to another snapshotter, with another cache: a full
 * disk that nobody can empty. A piece of the reserve, given up before the start, is what it needs
 * to delete the rest.
 */
export class DiskReserve {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Before BuildKit starts: gives up a piece where the disk is full, and saves anew where there is
   * plenty.
   */
  async adjust(): Promise<"enough" | "gave" | "used-up"> {
    const { bavail, bsize } = await statfs(dirname(this.#file));
    const free = bavail * bsize;
    const held = (await stat(this.#file).catch(() => ({ size: 0 }))).size;
    if (free < NEEDED_BYTES) return this.#release(held);
    if (held < RESERVE_BYTES && free > RESERVE_BYTES * PLENTY) await this.#save();
    return "enough";
  }

  async #release(held: number): Promise<"gave" | "used-up"> {
    if (held === 0) return "used-up";
    const handle = await open(this.#file, "r+");
    try {
      await handle.truncate(Math.max(0, held - NEEDED_BYTES));
      await handle.sync();
    } finally {
      await handle.close();
    }
    return "gave";
  }

  /** Written, not only allocated: Node knows no fallocate, and 32 MiB take some milliseconds. */
  async #save(): Promise<void> {
    const handle = await open(this.#file, "w", 0o600);
    try {
      const piece = Buffer.alloc(1024 * 1024);
      for (let written = 0; written < RESERVE_BYTES; written += piece.length) await handle.write(piece);
    } finally {
      await handle.close();
    }
  }
}

/**
 * What BuildKit needs to start and to prune, with room to spare: some pages of its databases and a
 * few directories.
 */
const NEEDED_BYTES = 8 * 1024 * 1024;
/** Four times full before there is no way but to start empty. */
const RESERVE_BYTES = 4 * NEEDED_BYTES;
/** Saved only where that is a small part of what is free. */
const PLENTY = 8;
