import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";

/** A bundle takes less than 30 s by itself; this is for the disk. */
const FILE_MS = 45_000;

/**
 * A new file, for its owner alone, whole or not there at all.
 * @throws {AgentError} "bundle.cannot-write"
 */
export async function writeFileOut(path: string, bytes: Readable, stop: AbortSignal): Promise<void> {
  const file = await newFile(path);
  using deadline = new Deadline(FILE_MS, stop);
  try {
    await pipeline(bytes, file.createWriteStream(), { signal: deadline.signal });
  } catch (cause) {
    bytes.destroy();
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    stop.throwIfAborted();
    throw cannotWrite(path, cause);
  }
}

/** At the pace of whoever reads. */
export async function writeStreamOut(out: Writable, bytes: Readable, stop: AbortSignal): Promise<void> {
  try {
    await pipeline(bytes, out, { signal: stop, end: false });
  } catch (cause) {
    stop.throwIfAborted();
    throw cannotWrite("standard output", cause);
  }
}

/** A folder is given a file in it. */
export async function outputPath(given: string, name: string): Promise<string> {
  const isFolder = await stat(given).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? join(given, name) : given;
}

/** One that is there already is not touched, and a link not followed. */
async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

function cannotWrite(path: string, cause: unknown): AgentError {
  const message = `The bundle could not be written to ${path}, and nothing of it was left there: name another place with --output, or take it from standard output with --output -`;
  return new AgentError("bundle.cannot-write", message, { retryable: false, cause });
}
