import { rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TempDir } from "./temp-dir.ts";

/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;
const PREFIX = "builder-";

/** A short directory for sockets and keys, in memory where the machine has such a place. */
export async function makeRuntimeDir(): Promise<TempDir> {
  return TempDir.make(join(await shortPlace(), PREFIX));
}

/** Removes one that a killed sandbox left behind; what does not look like one is left alone. */
export async function removeStaleRuntimeDir(path: string): Promise<void> {
  const random = path.slice(join(await shortPlace(), PREFIX).length);
  if (path === join(await shortPlace(), PREFIX) + random && /^\w{6}$/.test(random))
    await rm(path, { recursive: true, force: true });
}

async function shortPlace(): Promise<string> {
  const candidates = ["/dev/shm", process.env["XDG_RUNTIME_DIR"]].filter((path) => path !== undefined && path !== "");
  for (const path of candidates) if (path !== undefined && (await isTmpfs(path))) return path;
  return tmpdir();
}

async function isTmpfs(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === TMPFS,
    () => false,
  );
}
