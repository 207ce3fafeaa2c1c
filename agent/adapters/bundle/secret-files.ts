import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { inWords } from "../../core/errors.ts";
import { isCode, NotThere } from "./collector.ts";
import { readDigests } from "./kept-digests.ts";
import { readHead } from "./read-file.ts";
import type { SecretDigests } from "./secret-digests.ts";

/** A credential is small; a larger file is some other file. */
const FILE_MAX_BYTES = 64 * 1024;

export interface Found<T> {
  readonly found: readonly T[];
  /** Files that are there and could not be read: what is in them cannot be searched for. */
  readonly unread: readonly string[];
}

/**
 * The texts of files that hold a secret each, where they are there. A folder stands for its files.
 * Links are followed: Kubernetes' tokens are some.
 */
export async function secretTexts(paths: readonly string[]): Promise<Found<string>> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  return each(files, async (file) => (await readHead(file, FILE_MAX_BYTES, "followed")).toString("utf8").trim());
}

/** What processes of ours keep of the secrets that they hold. */
export async function keptDigests(files: readonly string[]): Promise<Found<SecretDigests>> {
  return each(files, readDigests);
}

async function each<T>(files: readonly string[], read: (file: string) => Promise<T | undefined>): Promise<Found<T>> {
  const found: T[] = [];
  const unread: string[] = [];
  for (const file of files) {
    try {
      const one = await read(file);
      if (one !== undefined) found.push(one);
    } catch (failure) {
      if (!(failure instanceof NotThere)) unread.push(`${file} (${inWords(failure)})`);
    }
  }
  return { found, unread };
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path, { withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(path, name));
  } catch (failure) {
    return isCode(failure, "ENOENT") ? [] : [path];
  }
}
