import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { isEntryName } from "../../core/bundle/name.ts";
import { AgentError } from "../../core/errors.ts";

/** A file of the archive, for the manifest. */
export interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Files alone go in: no link, no device, nothing with a name that leads out of the folder. */
export class Archive {
  readonly entries: Entry[] = [];
  readonly #pack: Pack;
  readonly #folder: string;
  readonly #madeAt: Date;
  #last: Promise<unknown> = Promise.resolve();
  #isBroken = false;

  constructor(into: Pack, folder: string, madeAt: Date) {
    this.#pack = into;
    this.#folder = folder;
    this.#madeAt = madeAt;
  }

  /** Nothing more can be added: its reader is gone. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * A file of these bytes, one after the other. Resolves once there is room for the next; files
   * that are added at once follow one another.
   */
  async add(path: string, ...texts: readonly Uint8Array[]): Promise<void> {
    if (!isEntryName(path))
      throw new AgentError("bundle.bad-name", `${path} is no name for a file in an archive`, { retryable: false });
    const bytes = texts.reduce((sum, { length }) => sum + length, 0);
    const added = this.#last.then(() => this.#write(path, bytes, texts));
    this.#last = added.catch(() => (this.#isBroken = true));
    await added;
    const sha256 = createHash("sha256");
    for (const text of texts) sha256.update(text);
    this.entries.push({ path, bytes, sha256: sha256.digest("hex") });
  }

  async #write(path: string, size: number, texts: readonly Uint8Array[]): Promise<void> {
    const name = `${this.#folder}/${path}`;
    const header = { name, size, mode: 0o600, mtime: this.#madeAt, type: "file" } as const;
    await new Promise<void>((resolve, reject) => {
      const entry = this.#pack.entry(header, (failure) => (failure ? reject(failure) : resolve()));
      for (const text of texts) entry.write(text);
      entry.end();
    });
  }
}

/**
 * A tar.gz as `fill` writes it, at the pace of its reader. Fails with what `fill` throws; who stops
 * reading destroys it, and `fill`'s next `add` then throws.
 */
export function tarGz(folder: string, madeAt: Date, fill: (archive: Archive) => Promise<void>): Readable {
  const into = pack();
  const zip = createGzip();
  // Whoever reads `zip` hears of a failure there.
  pipeline(Readable.from(into), zip).catch(() => undefined);
  fill(new Archive(into, folder, madeAt)).then(
    () => into.finalize(),
    (failure: unknown) => zip.destroy(failure instanceof Error ? failure : new Error(String(failure))),
  );
  return zip;
}
