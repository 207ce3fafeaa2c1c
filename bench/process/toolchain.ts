import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { BenchFailed, EX_UNAVAILABLE } from "../failure.ts";

/** The package's folder, whether this file runs compiled or as it is written. */
export const packageDir = findPackage(dirname(fileURLToPath(import.meta.url)));

/** The programs that the set-up found or built, by name. */
export class Toolchain {
  readonly #paths: ReadonlyMap<string, string>;

  private constructor(paths: ReadonlyMap<string, string>) {
    this.#paths = paths;
  }

  /** @throws {BenchFailed} If the set-up did not run. */
  static async read(): Promise<Toolchain> {
    const file = join(packageDir, "dist", "toolchain.json");
    try {
      const paths = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(file, "utf8")));
      return new Toolchain(new Map(Object.entries(paths)));
    } catch (cause) {
      throw missing("the list of tools", cause);
    }
  }

  /** Undefined if it is not on this machine. */
  find(name: string): string | undefined {
    return this.#paths.get(name);
  }

  /** @throws {BenchFailed} If it is not on this machine. */
  path(name: string): string {
    const path = this.find(name);
    if (path === undefined) throw missing(name, "the set-up did not find or build it");
    return path;
  }
}

function missing(what: string, cause: unknown): BenchFailed {
  const advice = "run node tools/setup.mjs bench";
  return new BenchFailed(`${what} is missing: ${advice}`, { exitCode: EX_UNAVAILABLE, cause });
}

function findPackage(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new BenchFailed("package.json is not above this file.");
  return findPackage(parent);
}
