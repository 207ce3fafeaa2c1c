import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Document, isCode, NotThere } from "../collector.ts";

/** A machine has a few dozen. What is in the cache is not among them. */
const NAMES_MAX = 2_000;

/** Names, kinds, sizes, modes and owners of what lies in our directories, and no content. */
export function ownFiles(directories: readonly string[], except: readonly string[]): Document {
  return {
    kind: "document",
    path: "files.txt",
    what: "names, sizes, modes and owners of the agent's own files, without their content",
    maxBytes: 1024 * 1024,
    async collect(signal) {
      const lines: string[] = [];
      const waiting = [...directories];
      for (let path = waiting.shift(); path !== undefined && lines.length < NAMES_MAX; path = waiting.shift()) {
        signal.throwIfAborted();
        const { line, isDirectory } = await described(path);
        lines.push(line);
        if (isDirectory && !except.includes(path)) waiting.push(...(await below(path)));
      }
      if (lines.length === 0) throw new NotThere(`There is none of ${directories.join(", ")}`);
      return lines.join("");
    },
  };
}

async function described(path: string): Promise<{ readonly line: string; readonly isDirectory: boolean }> {
  try {
    const found = await lstat(path);
    const { mode, uid, gid, size, mtime } = found;
    const kind = found.isDirectory() ? "d" : found.isSymbolicLink() ? "l" : found.isSocket() ? "s" : "-";
    const permissions = (mode & 0o7777).toString(8).padStart(4, "0");
    const line = `${kind}${permissions} ${uid}:${gid} ${size} ${mtime.toISOString()} ${path}\n`;
    return { line, isDirectory: found.isDirectory() };
  } catch (failure) {
    if (isCode(failure, "ENOENT")) return { line: `? is not there: ${path}\n`, isDirectory: false };
    if (isCode(failure, "EACCES", "EPERM")) return { line: `? could not look: ${path}\n`, isDirectory: false };
    throw failure;
  }
}

async function below(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(() => [])).toSorted((a, b) => a.localeCompare(b)).map((name) => join(path, name));
}
