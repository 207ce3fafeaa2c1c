import { mkdtemp, rm } from "node:fs/promises";

/** A directory that goes at disposal, with everything in it. */
export class TempDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `prefix`: the path but for its random end. */
  static async make(prefix: string): Promise<TempDir> {
    return new TempDir(await mkdtemp(prefix));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
