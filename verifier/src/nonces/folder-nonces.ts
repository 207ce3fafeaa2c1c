import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { EntryFolder } from "./entry-folder.ts";
import {
  type GivenNonce,
  isSameHolder,
  NONCE_BYTES,
  NONCE_LIFETIME_MS,
  type NonceFate,
  type NonceHolder,
  type NonceSettings,
  type Nonces,
} from "./nonces.ts";

interface Entry {
  readonly holder: NonceHolder;
  readonly expiresAtMs: number;
  readonly keepUntilMs: number;
}

/**
 * On disk, in two folders: a nonce is consumed by moving its file from one to the other. Several
 * processes may share them. Files are named by SHA-256, so that the folders give no nonce away.
 */
export class FolderNonces implements Nonces {
  readonly #given: EntryFolder;
  readonly #used: EntryFolder;
  readonly #now: () => number;
  readonly #lifetimeMs: number;

  private constructor(given: EntryFolder, used: EntryFolder, { now, lifetimeMs = NONCE_LIFETIME_MS }: NonceSettings) {
    this.#given = given;
    this.#used = used;
    this.#now = now;
    this.#lifetimeMs = lifetimeMs;
  }

  /** Makes the folders where they are missing; both are below `path`, and ours alone. */
  static async open(path: string, settings: NonceSettings): Promise<FolderNonces> {
    const given = await EntryFolder.open(join(path, "given"), settings.now);
    const used = await EntryFolder.open(join(path, "used"), settings.now);
    return new FolderNonces(given, used, settings);
  }

  async give(holder: NonceHolder): Promise<GivenNonce> {
    await Promise.all([this.#given.sweep(), this.#used.sweep()]);
    const nonce = randomBytes(NONCE_BYTES);
    const expiresAtMs = this.#now() + this.#lifetimeMs;
    const entry: Entry = { holder, expiresAtMs, keepUntilMs: expiresAtMs + this.#lifetimeMs };
    await this.#given.add(nameOf(nonce), entry);
    return { nonce, expiresAtMs };
  }

  async consume(nonce: Uint8Array, holder: NonceHolder): Promise<NonceFate> {
    const name = nameOf(nonce);
    const entry = await this.#given.read(name);
    if (entry === undefined || !(await this.#given.moveTo(this.#used, name)))
      return (await this.#used.read(name)) === undefined ? "unknown" : "used";
    if (!isEntry(entry)) return "unknown";
    if (this.#now() >= entry.expiresAtMs) return "expired";
    return isSameHolder(entry.holder, holder) ? "consumed" : "foreign";
  }
}

function nameOf(nonce: Uint8Array): string {
  return createHash("sha256").update(nonce).digest("hex");
}

function isEntry(entry: unknown): entry is Entry {
  return typeof entry === "object" && entry !== null && "holder" in entry && "expiresAtMs" in entry;
}
