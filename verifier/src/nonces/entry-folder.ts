import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, syncFolder } from "../files.ts";

/** How often a folder is looked through for what nobody needs any longer. */
const SWEEP_EVERY_MS = 60_000;

/** SHA-256, lower-case hex: whatever else lies there is not ours. */
const NAME = /^[0-9a-f]{64}$/;

/**
 * A folder of small JSON files, one an entry, each with `keepUntilMs`. An entry appears whole or
 * not at all, by link(2) or rename(2): either succeeds once, whichever process asks, and a folder
 * that is synced afterwards keeps it over a loss of power.
 */
export class EntryFolder {
  readonly #path: string;
  readonly #now: () => number;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  private constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  static async open(path: string, now: () => number): Promise<EntryFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new EntryFolder(path, now);
  }

  /** Whether there was none of this name. */
  async add(name: string, entry: { readonly keepUntilMs: number }): Promise<boolean> {
    const draft = join(this.#path, `.${randomUUID()}`);
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(JSON.stringify(entry));
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      return await succeedsUnless("EEXIST", link(draft, join(this.#path, name)));
    } finally {
      await unlink(draft);
      await syncFolder(this.#path);
    }
  }

  /** The entry, or undefined where there is none of this name. */
  async read(name: string): Promise<unknown> {
    try {
      const entry: unknown = JSON.parse(await readFile(join(this.#path, name), "utf8"));
      return entry;
    } catch (failure) {
      if (isErrno(failure, "ENOENT")) return undefined;
      throw failure;
    }
  }

  /** Whether it was this call that moved it. */
  async moveTo(other: EntryFolder, name: string): Promise<boolean> {
    const isOurs = await succeedsUnless("ENOENT", rename(join(this.#path, name), join(other.#path, name)));
    if (isOurs) await Promise.all([syncFolder(this.#path), syncFolder(other.#path)]);
    return isOurs;
  }

  /** Now and then, removes the entries that nobody needs any longer. */
  async sweep(): Promise<void> {
    const nowMs = this.#now();
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return;
    this.#sweptAtMs = nowMs;
    for (const name of await readdir(this.#path)) {
      if (!NAME.test(name)) continue;
      const entry = await this.read(name);
      if (keepUntilMs(entry) < nowMs) await rm(join(this.#path, name), { force: true });
    }
  }
}

async function succeedsUnless(code: string, act: Promise<void>): Promise<boolean> {
  try {
    await act;
    return true;
  } catch (failure) {
    if (isErrno(failure, code)) return false;
    throw failure;
  }
}

/** What another process has removed meanwhile has nothing left to keep. */
function keepUntilMs(entry: unknown): number {
  return typeof entry === "object" && entry !== null && "keepUntilMs" in entry && typeof entry.keepUntilMs === "number"
    ? entry.keepUntilMs
    : Number.POSITIVE_INFINITY;
}
