import { chmod, mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, replaceFile } from "../../files/whole-file.ts";
import type { IdentityStore, StoredIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import { decodeIdentity, encodeIdentity } from "./identity-file.ts";

/** TMPFS_MAGIC of <linux/magic.h>. */
const TMPFS = 0x01021994;

/**
 * `<directory>/identity.json`, mode 0600 in a directory of mode 0700, replaced by rename. Keeping
 * is a convenience: what fails is logged and never thrown, because the agent can always register
 * anew.
 */
export function identityStore({ directory, log }: { readonly directory: string; readonly log: Log }): IdentityStore {
  return new TmpfsIdentityStore(directory, log);
}

class TmpfsIdentityStore implements IdentityStore {
  readonly #directory: string;
  readonly #file: string;
  readonly #log: Log;
  #toldNotKept = false;

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#file = join(directory, "identity.json");
    this.#log = log;
  }

  async load(bootId: string): Promise<StoredIdentity | undefined> {
    if (!(await this.#prepare())) return undefined;
    const text = await this.#read();
    if (text === undefined) return undefined;
    const kept = await decodeIdentity(text);
    if (kept?.bootId === bootId) return kept.stored;
    if (kept === undefined) this.#log.warn({ file: this.#file }, "identity.file-damaged");
    else this.#log.info({ file: this.#file, bootId: kept.bootId }, "identity.of-another-boot");
    await this.forget();
    return undefined;
  }

  async save(bootId: string, stored: StoredIdentity): Promise<void> {
    if (!(await this.#prepare())) return;
    try {
      await replaceFile(this.#file, encodeIdentity({ bootId, stored }));
    } catch (err) {
      this.#notKept("it could not be written", err);
    }
  }

  async forget(): Promise<void> {
    try {
      await rm(this.#file, { force: true });
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "identity.not-forgotten");
    }
  }

  /** Whether the directory is there, is ours alone, and lies in memory. */
  async #prepare(): Promise<boolean> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await chmod(this.#directory, 0o700);
      const { type } = await statfs(this.#directory);
      if (type === TMPFS) return true;
      this.#notKept(`${this.#directory} is not on tmpfs (file system type 0x${type.toString(16)})`);
    } catch (err) {
      this.#notKept("its directory could not be prepared", err);
    }
    return false;
  }

  async #read(): Promise<string | undefined> {
    try {
      return (await readIfThere(this.#file))?.toString("utf8");
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "identity.file-unreadable");
      return undefined;
    }
  }

  #notKept(because: string, err?: unknown): void {
    if (this.#toldNotKept) return;
    this.#toldNotKept = true;
    this.#log.warn({ directory: this.#directory, because, ...(err !== undefined && { err }) }, "identity.not-kept");
  }
}
