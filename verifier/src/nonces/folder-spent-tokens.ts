import { EntryFolder } from "./entry-folder.ts";
import type { SpentTokens } from "./nonces.ts";

/** On disk, a file a token, named by its digest. Several processes may share the folder. */
export class FolderSpentTokens implements SpentTokens {
  readonly #folder: EntryFolder;

  private constructor(folder: EntryFolder) {
    this.#folder = folder;
  }

  /** Makes the folder where it is missing; it is ours alone. */
  static async open(path: string, { now }: { readonly now: () => number }): Promise<FolderSpentTokens> {
    return new FolderSpentTokens(await EntryFolder.open(path, now));
  }

  async spend(digest: string, expiresAtMs: number): Promise<boolean> {
    await this.#folder.sweep();
    return this.#folder.add(digest, { keepUntilMs: expiresAtMs });
  }
}
