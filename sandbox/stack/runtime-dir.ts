import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;
const PREFIX = "builder-";

/** A short directory for sockets and keys, in memory where the machine has such a place. Gone with everything in it at the end. */
export class RuntimeDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<RuntimeDir> {
    return new RuntimeDir(await mkdtemp(join(await shortPlace(), PREFIX)));
  }

  /** Removes one that a killed sandbox left behind; what does not look like one is left alone. */
  static async removeStale(path: string): Promise<void> {
    if (join(await shortPlace(), PREFIX) === path.slice(0, -6)) await rm(path, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
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
