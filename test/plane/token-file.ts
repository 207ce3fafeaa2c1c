import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A token in a file of its own, gone with it. */
export class TokenFile implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, "token");
  }

  static async holding(token: string): Promise<TokenFile> {
    const file = new TokenFile(await mkdtemp(join(tmpdir(), "token-")));
    await file.write(token);
    return file;
  }

  write(token: string): Promise<void> {
    return writeFile(this.path, token);
  }

  remove(): Promise<void> {
    return rm(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
