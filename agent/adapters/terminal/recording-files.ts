import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { belatedEnd, isEndOfAsciicast } from "../../core/debug/asciicast.ts";
import { AgentError } from "../../core/errors.ts";
import { setAside } from "../../files/whole-file.ts";
import type { Recording, Recordings } from "../../ports/debug-terminal.ts";
import { lookAtFolder } from "./recording-folder.ts";

const SUFFIX = ".cast";
/** A recording that the control plane does not take; not looked at again. */
const ASIDE = ".refused";
const LINE_FEED = 10;
/** One line holds what was read at once, at most six characters a byte. */
const LINE_MAX_BYTES = 1024 * 1024;

/** A file for each recording, of whole lines only, readable by this user alone. */
export function recordingFiles(directory: string): Recordings {
  const held = new Set<string>();
  let isRecovered = false;
  const hold = (path: string, handle: FileHandle, recordingId: string, sizeBytes: number, isEnded: boolean) => {
    const file = basename(path);
    held.add(file);
    return new RecordingFile(recordingId, path, handle, sizeBytes, isEnded, () => held.delete(file));
  };
  return {
    look: () =>
      lookAtFolder(directory, { suffix: SUFFIX, aside: ASIDE, isHeld: (file) => !isRecovered || held.has(file) }),
    async begin(recordingId, header) {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const path = join(directory, `${recordingId}${SUFFIX}`);
        const recording = hold(path, await open(path, "wx+", 0o600), recordingId, 0, false);
        await recording.append(header);
        return recording;
      } catch (cause) {
        throw new AgentError("recording.not-begun", `No recording can be made in ${directory}`, {
          retryable: true,
          cause,
        });
      }
    },
    async recover() {
      const names = await readdir(directory).catch(() => []);
      const recovered: Recording[] = [];
      for (const name of names.filter((entry) => entry.endsWith(SUFFIX)).toSorted()) {
        // One that cannot be taken up keeps no other from it; `look` tells of it.
        const recording = await recoverFile(join(directory, name), hold).catch(() => undefined);
        if (recording !== undefined) recovered.push(recording);
      }
      isRecovered = true;
      return recovered;
    },
  };
}

type Hold = (
  path: string,
  handle: FileHandle,
  recordingId: string,
  sizeBytes: number,
  isEnded: boolean,
) => RecordingFile;

/** Undefined for a file without a whole line: there is nothing to see in it, and it goes. */
async function recoverFile(path: string, hold: Hold): Promise<Recording | undefined> {
  const handle = await open(path, "r+");
  const { size } = await handle.stat();
  const wholeBytes = await endOfLastLine(handle, size);
  if (wholeBytes === 0) {
    await handle.close();
    await rm(path, { force: true });
    return undefined;
  }
  if (wholeBytes < size) await handle.truncate(wholeBytes);
  const lastLine = await lineThatEndsAt(handle, wholeBytes);
  const recording = hold(path, handle, basename(path, SUFFIX), wholeBytes, isEndOfAsciicast(lastLine));
  if (!recording.isEnded) await recording.end(belatedEnd(lastLine));
  return recording;
}

class RecordingFile implements Recording {
  readonly recordingId: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  #sizeBytes: number;
  #isEnded: boolean;
  readonly #onRelease: () => void;

  constructor(
    recordingId: string,
    path: string,
    handle: FileHandle,
    sizeBytes: number,
    isEnded: boolean,
    onRelease: () => void,
  ) {
    this.recordingId = recordingId;
    this.#path = path;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
    this.#isEnded = isEnded;
    this.#onRelease = onRelease;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  async append(lines: string): Promise<void> {
    const bytes = Buffer.from(lines);
    try {
      const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, this.#sizeBytes);
      if (bytesWritten < bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`);
    } catch (cause) {
      // A player stops at half a line.
      await this.#handle.truncate(this.#sizeBytes).catch(() => undefined);
      throw new AgentError("recording.failed", `The recording ${this.#path} cannot be written`, {
        retryable: true,
        cause,
      });
    }
    this.#sizeBytes += bytes.length;
  }

  async end(lines: string): Promise<void> {
    await this.append(lines);
    this.#isEnded = true;
    await this.#handle.datasync().catch(() => undefined);
  }

  async read(offset: number, most: number): Promise<Uint8Array> {
    const left = this.#sizeBytes - offset;
    if (left <= 0) return new Uint8Array();
    const bytes = await this.#readAt(offset, Math.min(most, left));
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) return bytes.subarray(0, end);
    const longer = await this.#readAt(offset, Math.min(LINE_MAX_BYTES, left));
    return longer.subarray(0, longer.indexOf(LINE_FEED) + 1);
  }

  async forget(): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
    this.#onRelease();
  }

  async setAside(): Promise<void> {
    await this.#handle.close();
    await setAside(this.#path, `${this.#path}${ASIDE}`);
    this.#onRelease();
  }

  async release(): Promise<void> {
    await this.#handle.close();
  }

  async #readAt(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }
}

/** How many bytes the whole lines of it have. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= STEP_BYTES) {
    const from = Math.max(0, end - STEP_BYTES);
    const buffer = Buffer.alloc(end - from);
    await handle.read(buffer, 0, buffer.length, from);
    const at = buffer.lastIndexOf(LINE_FEED);
    if (at >= 0) return from + at + 1;
  }
  return 0;
}

/** @param end just after its line feed. */
async function lineThatEndsAt(handle: FileHandle, end: number): Promise<string> {
  const before = await endOfLastLine(handle, end - 1);
  const buffer = Buffer.alloc(Math.min(end - 1 - before, LINE_MAX_BYTES));
  await handle.read(buffer, 0, buffer.length, before);
  return buffer.toString("utf8");
}

const STEP_BYTES = 64 * 1024;
