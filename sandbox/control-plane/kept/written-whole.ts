import { closeSync, constants, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Replaces a file, readable by this user only: on disk when it returns, and whole at every moment,
 * whenever the process or the machine ends.
 * @throws {Error} ENOSPC and the like: the file is as it was.
 */
export function writeWholeForGood(path: string, content: string): void {
  const part = `${path}.part`;
  const fd = openSync(part, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(part, path);
  syncDirectory(dirname(path));
}

/** A name in a directory is on disk only once the directory is. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
