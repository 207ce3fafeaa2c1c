import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { isCode, NotThere } from "./collector.ts";

/** Does not wait for the other end of a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * A regular file's first bytes. `links`: only what goes into no bundle may be behind one.
 * @throws {NotThere} where there is none. {AgentError} "bundle.not-a-file" for a link, a socket, …
 */
export async function readHead(
  path: string,
  maxBytes: number,
  links: "refused" | "followed" = "refused",
): Promise<Buffer> {
  await using file = await openFile(path, links);
  const bytes = Buffer.alloc(maxBytes);
  let size = 0;
  // The kernel's own files come in pieces.
  for (let read = -1; read !== 0 && size < maxBytes; size += read)
    ({ bytesRead: read } = await file.read(bytes, size, maxBytes - size));
  return bytes.subarray(0, size);
}

/** @throws {NotThere} with `otherwise`, where nothing has this name. */
export async function requireThere(path: string, otherwise: string): Promise<void> {
  await lstat(path).catch((cause: unknown) => {
    throw isCode(cause, "ENOENT", "ENOTDIR") ? new NotThere(otherwise, cause) : cause;
  });
}

/** To read a regular file. @throws as `readHead` does. */
export async function openFile(path: string, links: "refused" | "followed" = "refused"): Promise<FileHandle> {
  const flags = links === "followed" ? FLAGS : FLAGS | constants.O_NOFOLLOW;
  const file = await open(path, flags).catch((cause: unknown) => {
    if (isCode(cause, "ENOENT", "ENOTDIR")) throw new NotThere(`There is no ${path}`, cause);
    if (isCode(cause, "ELOOP", "ENXIO")) throw notAFile(path, cause);
    throw cause;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notAFile(path);
}

function notAFile(path: string, cause?: unknown): AgentError {
  return new AgentError("bundle.not-a-file", `${path} is a link or no file, and was not read`, {
    retryable: false,
    cause,
  });
}
