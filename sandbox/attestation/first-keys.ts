import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../failure.ts";

/**
 * The key that each instance first came with, a file an instance: for evidence that is bound to
 * nothing, so that whoever has copied it comes too late.
 */
export class FirstKeys {
  readonly #dir: string;

  /** Makes the directory where it is missing. */
  constructor(dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#dir = dir;
  }

  async of(instance: string): Promise<string | undefined> {
    return this.#read(instance);
  }

  /** Whether this key is the instance's first, or was before. */
  claim(instance: string, keySha256: string): boolean {
    try {
      writeFileSync(this.#file(instance), `${keySha256}\n`, { flag: "wx", mode: 0o600, flush: true });
      return true;
    } catch (failure) {
      if (!isErrno(failure, "EEXIST")) throw failure;
      return this.#read(instance) === keySha256;
    }
  }

  #read(instance: string): string | undefined {
    try {
      return readFileSync(this.#file(instance), "utf8").trim();
    } catch (failure) {
      if (isErrno(failure, "ENOENT")) return undefined;
      throw failure;
    }
  }

  #file(instance: string): string {
    return join(this.#dir, createHash("sha256").update(instance).digest("hex"));
  }
}
