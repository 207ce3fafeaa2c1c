import { spawn } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { setAside } from "../../files/whole-file.ts";

/** For whoever wants to know how they broke. */
const KEPT_QUARANTINES = 2;
const KEPT_BYTES_MAX = 256 * 1024 * 1024;
/** What only waits to be deleted. */
const REST = ".rest";

/**
 * Where what is damaged goes, beside BuildKit's root and so on the same file system: a renaming,
 * however large the cache is. A directory for each time, named after it; of a whole root only the
 * databases are kept, and the rest is deleted by `sweep`, which may take minutes.
 */
export class Quarantine {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Moves these files of the root here. Returns the directory. */
  async setAside(rootDir: string, paths: readonly string[], atMs: number): Promise<string> {
    const target = join(this.#dir, stamp(atMs));
    await keep(rootDir, target, paths);
    return target;
  }

  /**
   * Made before it is needed: on a disk without a free block there is room for a renaming, but not
   * for a directory.
   */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
  }

  /**
   * Moves the root here, whole. Returns the directory with those of its databases that are kept.
   */
  async takeRoot(rootDir: string, databases: readonly string[], atMs: number): Promise<string> {
    const target = join(this.#dir, stamp(atMs));
    const rest = `${target}${REST}`;
    await setAside(rootDir, rest);
    if (databases.length > 0) await keep(rest, target, await smallest(rest, databases));
    return target;
  }

  /**
   * Deletes what only waits for that, and all but the last quarantines. Safe beside a running
   * buildkitd. It never leaves the file system: a mount that lies in what is deleted is not
   * followed. @throws {AgentError} "buildkit.not-swept" (retryable)
   */
  async sweep(signal: AbortSignal): Promise<void> {
    const found: readonly string[] = await readdir(this.#dir).catch(() => []);
    const names = found.toSorted();
    const kept = names.filter((name) => !name.endsWith(REST)).slice(-KEPT_QUARANTINES);
    const doomed = names.filter((name) => !kept.includes(name)).map((name) => join(this.#dir, name));
    if (doomed.length > 0) await removeTrees(doomed, signal);
  }
}

/** "2026-01-31T12-00-00.000Z": sorts by time, and is one word for a shell. */
function stamp(atMs: number): string {
  return new Date(atMs).toISOString().replaceAll(":", "-");
}

async function keep(from: string, to: string, paths: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const path of paths) {
    await mkdir(dirname(join(to, path)), { recursive: true, mode: 0o700 });
    await setAside(join(from, path), join(to, path));
  }
}

/** As many of those that are there as fit, the smallest first. */
async function smallest(under: string, paths: readonly string[]): Promise<readonly string[]> {
  const sized = await Promise.all(
    paths.map(async (path) => ({ path, bytes: (await stat(join(under, path)).catch(() => undefined))?.size })),
  );
  let left = KEPT_BYTES_MAX;
  return sized
    .toSorted((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0))
    .filter(({ bytes }) => bytes !== undefined && (left -= bytes) >= 0)
    .map(({ path }) => path);
}

/** `rm` is faster than we, stays on one file system, and is ended with us. */
function removeTrees(paths: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const args = ["--pdeathsig", "KILL", "rm", "-rf", "--one-file-system", "--", ...paths];
    const env = programEnvironment(process.env["PATH"]);
    const child = spawn("setpriv", args, { env, stdio: "ignore", signal, killSignal: "SIGKILL" });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else
        reject(new AgentError("buildkit.not-swept", `Not all of ${paths.join(", ")} was deleted`, { retryable: true }));
    });
  });
}
