import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";

/** A folder of this test's own. */
export function folderOfOwn(): Promise<TempDir> {
  return TempDir.make(join(tmpdir(), "bundle-"));
}

/** What Debian's tar says is in it: "-rw------- 0/0 12 2026-01-02 03:04 name", a line each. */
export async function listed(archive: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("tar", [
    "--list",
    "--verbose",
    "--numeric-owner",
    "--gzip",
    "--file",
    archive,
  ]);
  return stdout.trim().split("\n");
}

/** Unpacked by Debian's tar: the files' texts, by their names in the one folder that is there. */
export async function unpacked(archive: string, into: string): Promise<ReadonlyMap<string, string>> {
  await promisify(execFile)("tar", ["--extract", "--gzip", "--file", archive, "--directory", into]);
  const [folder = "", ...more] = (await readdir(into)).filter((name) => /^builder-agent-.*Z$/.test(name));
  if (more.length > 0) throw new Error("The archive has more than one folder");
  const top = join(into, folder);
  const entries = await readdir(top, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(top.length + 1), await readFile(file, "latin1")] as const),
  );
  return new Map(texts.toSorted(([a], [b]) => a.localeCompare(b)));
}
