import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface Replacement {
  /** Of the file, whatever the process's mask; default: its owner may read and write it. */
  readonly mode?: number;
  /** If given, the directory is made where there is none, with this mode less the mask. */
  readonly directoryMode?: number;
}

/**
 * Replaces a small file: whoever reads it, at any time, finds the old bytes or the new ones. On
 * disk when this resolves, bytes and name; on tmpfs that costs nothing. One at a time for a file:
 * the new bytes lie in `<path>.new` first, and nothing is left of them if this fails.
 * @throws {Error} of Node: ENOSPC and the like. The file is as it was.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array | string,
  { mode = 0o600, directoryMode }: Replacement = {},
): Promise<void> {
  const fresh = `${path}.new`;
  if (directoryMode !== undefined) await mkdir(dirname(path), { recursive: true, mode: directoryMode });
  // What an end has left, or a link that somebody has laid there.
  await rm(fresh, { force: true });
  try {
    await writeNew(fresh, bytes, mode);
    await rename(fresh, path);
  } catch (failure) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw failure;
  }
  await syncDirectory(dirname(path));
}

/** A file or a folder has another name, within its file system, and stays as it is. */
export function setAside(path: string, as: string): Promise<void> {
  return rename(path, as);
}

/** Gone from the disk when this resolves. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Undefined if there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return undefined;
    throw failure;
  }
}

/** What was renamed, made or removed in it is so on disk once this resolves. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeNew(path: string, bytes: Uint8Array | string, mode: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}
