import { readSync } from "node:fs";
// oxlint-disable-next-line eslint/no-restricted-imports -- a journal is long, and appended to
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { syncDirectory } from "../../files/whole-file.ts";
import type { Journal, Place } from "./journal.ts";
import { type ScannedLine, scanLines } from "./scan-lines.ts";

/** Whose builds came from where: nobody else's business. */
const OWNER_ONLY = { directory: 0o700, file: 0o600 } as const;

type Condition =
  | "sound"
  /** A write failed: what stands behind the durable bytes must be cut off. */
  | "torn"
  /**
   * A sync failed: the kernel may hold as clean what never reached the disk, so that only a new
   * file can be trusted.
   */
  | "untrusted"
  /** A replacement is in place, but its name may not be on disk yet. */
  | "unnamed";

export class JournalFile implements Journal {
  readonly #path: string;
  #file: FileHandle;
  #durableBytes: number;
  #condition: Condition = "sound";

  private constructor(path: string, file: FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#file = file;
    this.#durableBytes = sizeBytes;
  }

  /** @throws {AgentError} "records.cannot-open" */
  static async open(path: string): Promise<JournalFile> {
    try {
      await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY.directory });
      await rm(replacement(path), { force: true });
      const file = await open(path, "a+", OWNER_ONLY.file);
      await syncDirectory(dirname(path));
      return new JournalFile(path, file, (await file.stat()).size);
    } catch (cause) {
      throw new AgentError("records.cannot-open", `Cannot open ${path}: may this process write there?`, {
        retryable: true,
        cause,
      });
    }
  }

  get durableBytes(): number {
    return this.#durableBytes;
  }

  async load(take: (line: ScannedLine) => void): Promise<{ readonly tornBytes: number }> {
    let end = 0;
    for await (const scanned of scanLines(this.#file)) {
      end = scanned.offset + scanned.length;
      take(scanned);
    }
    const tornBytes = this.#durableBytes - end;
    if (tornBytes > 0) {
      await this.#file.truncate(end);
      await this.#file.datasync();
      this.#durableBytes = end;
    }
    return { tornBytes };
  }

  async append(chunks: Iterable<Buffer>): Promise<void> {
    try {
      await this.#mend();
      this.#condition = "torn";
      const bytes = await writeAll(this.#file, chunks);
      this.#condition = "untrusted";
      await this.#file.datasync();
      this.#condition = "sound";
      this.#durableBytes += bytes;
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    }
  }

  async replace(chunks: Iterable<Buffer>, adopted: () => void): Promise<void> {
    const path = replacement(this.#path);
    try {
      await rm(path, { force: true });
      const file = await open(path, "ax+", OWNER_ONLY.file);
      let sizeBytes: number;
      try {
        sizeBytes = await writeAll(file, chunks);
        await file.datasync();
        await rename(path, this.#path);
      } catch (failure) {
        await file.close();
        throw failure;
      }
      const old = this.#file;
      // From here on the new file is the journal, whatever fails after.
      this.#file = file;
      this.#durableBytes = sizeBytes;
      this.#condition = "unnamed";
      adopted();
      await old.close();
    } catch (cause) {
      await rm(path, { force: true }).catch(() => undefined);
      throw cannotWrite(this.#path, cause);
    }
  }

  read({ offset, length }: Place): Buffer {
    const bytes = Buffer.alloc(length);
    try {
      const got = readSync(this.#file.fd, bytes, 0, length, offset);
      return bytes.subarray(0, got);
    } catch (cause) {
      throw new AgentError("records.cannot-read", `Cannot read ${this.#path}: is its disk broken?`, {
        retryable: true,
        cause,
      });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #mend(): Promise<void> {
    switch (this.#condition) {
      case "sound":
        return;
      case "torn":
        await this.#file.truncate(this.#durableBytes);
        break;
      case "untrusted":
        await this.replace(chunksOf(this, this.#durableBytes), () => undefined);
        await syncDirectory(dirname(this.#path));
        break;
      case "unnamed":
        await syncDirectory(dirname(this.#path));
        break;
      default:
        this.#condition satisfies never;
    }
    this.#condition = "sound";
  }
}

const CHUNK_BYTES = 1024 * 1024;

function* chunksOf(journal: Journal, sizeBytes: number): Generator<Buffer, void, undefined> {
  for (let offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
    yield journal.read({ offset, length: Math.min(CHUNK_BYTES, sizeBytes - offset) });
  }
}

function replacement(path: string): string {
  return `${path}.new`;
}

/**
 * Returns the number of bytes. `write` may take less than all, for instance on a disk that is
 * almost full.
 */
async function writeAll(file: FileHandle, chunks: Iterable<Buffer>): Promise<number> {
  let bytes = 0;
  for (const chunk of chunks) {
    for (let written = 0; written < chunk.byteLength; ) {
      written += (await file.write(chunk, written)).bytesWritten;
    }
    bytes += chunk.byteLength;
  }
  return bytes;
}

function cannotWrite(path: string, cause: unknown): AgentError {
  const full = cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
  const message = full
    ? `No space left for session records in ${path}: free some; the gateway keeps its records until then`
    : `Cannot write session records to ${path}`;
  return new AgentError("records.cannot-write", message, { retryable: true, cause });
}
