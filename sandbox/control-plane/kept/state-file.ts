import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../../failure.ts";
import { type Snapshot, snapshotForm } from "./snapshot.ts";
import { writeWholeForGood } from "./written-whole.ts";

/** Of the file's form. A file of a higher one is left alone. */
const VERSION = 1;

/** All that is promised of a newer form. */
const anyForm = z.object({ version: z.int().positive() });
const envelope = z.object({ sha256: z.string(), state: z.string() });

/** A change was not made, because it could not be kept. */
class StateNotKept extends Error {
  constructor(path: string, cause: unknown) {
    super(`Nothing was changed: ${path} cannot be written (${messageOf(cause)}).`, { cause });
    this.name = "StateNotKept";
  }
}

/** `DIR/state.json`: one snapshot, written whole each time. */
export class StateFile {
  readonly #path: string;

  constructor(dir: string) {
    this.#path = join(dir, "state.json");
  }

  /**
   * Undefined: there is none yet.
   * @throws {SandboxFailure} when it cannot be read, is damaged, or is of a newer release: with
   * what to do.
   */
  read(): Snapshot | undefined {
    const text = this.#text();
    if (text === undefined) return undefined;
    let version: number;
    try {
      const content: unknown = JSON.parse(text);
      version = anyForm.parse(content).version;
      if (version <= VERSION) {
        const { sha256, state } = envelope.parse(content);
        if (digest(state) !== sha256) throw new Error("its content is not what its checksum is of");
        return snapshotForm.parse(JSON.parse(state));
      }
    } catch (cause) {
      throw new SandboxFailure(
        EXIT.badData,
        `${this.#path} is damaged: put a copy of it back, or move the whole directory away and start anew (every machine then needs the new CA and a new join token).`,
        cause,
      );
    }
    throw new SandboxFailure(
      EXIT.badData,
      `${this.#path} is of a newer release (form ${version}, this one reads ${VERSION}): start that release, or use another directory.`,
    );
  }

  /** @throws {StateNotKept} */
  write(snapshot: Snapshot): void {
    const state = JSON.stringify(z.encode(snapshotForm, snapshot));
    try {
      writeWholeForGood(this.#path, `${JSON.stringify({ version: VERSION, sha256: digest(state), state })}\n`);
    } catch (cause) {
      throw new StateNotKept(this.#path, cause);
    }
  }

  #text(): string | undefined {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (cause) {
      if (isErrno(cause, "ENOENT")) return undefined;
      throw new SandboxFailure(EXIT.noInput, `Cannot read ${this.#path}: ${messageOf(cause)}.`, cause);
    }
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
