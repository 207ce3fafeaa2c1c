import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { processesNaming } from "./processes.ts";

/** Texts by where they were found. */
export type Haystack = ReadonlyMap<string, string>;

/** Every file below `dir` but those below `without`. */
export async function filesBelow(dir: string, without: readonly string[] = []): Promise<Haystack> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const wanted = paths.filter((path) => !without.some((other) => path === other || path.startsWith(`${other}/`)));
  return new Map(await Promise.all(wanted.map(async (path) => [path, await readFile(path, "latin1")] as const)));
}

/** Command line and environment of every process that names one of `marks`. */
export async function commandsAndEnvironments(marks: readonly string[]): Promise<Haystack> {
  const found = (await Promise.all(marks.map((mark) => processesNaming(mark)))).flat();
  const texts = found.flatMap(({ pid }) => ["cmdline", "environ"].map((name) => `/proc/${pid}/${name}`));
  return new Map(await Promise.all(texts.map(async (path) => [path, await readFile(path, "latin1")] as const)));
}

/** Where a secret is found, whatever line breaks (real or escaped) it has there. */
export function whereFound(needle: string, haystack: Haystack): readonly string[] {
  return [...haystack].filter(([, text]) => text.replaceAll(/\\n|\s/g, "").includes(needle)).map(([where]) => where);
}

/** The part of a PEM private key that no other key has: from the middle of its body. */
export function bodyOf(keyPem: string): string {
  return keyPem.replaceAll(/-----[^-]+-----|\s/g, "").slice(48, 96);
}
