import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { replaceFile } from "../../files/whole-file.ts";
import type { Log } from "../../ports/log.ts";
import { finite, listUpTo, object, oneOf, shapeOf, textUpTo, tuple } from "../../wire/fields.ts";
import { fitted, misfit } from "../../wire/shape.ts";
import { isCode, NotThere } from "./collector.ts";
import { readHead } from "./read-file.ts";
import { digestsOf, macOf, type SecretDigest, type SecretDigests } from "./secret-digests.ts";

/** Of all secrets. Then the oldest are forgotten. */
const DIGESTS_MAX = 20_000;
/**
 * Secrets that wait for theirs: of more the first would be forgotten at once. Each takes half a
 * millisecond, and a desired state may bring four thousand.
 */
const WAITING_MAX = 1_000;
const TURN_MS = 5;
const BETWEEN_TURNS_MS = 10;
const FILE_MAX_BYTES = 4 * 1024 * 1024;
const KEY_BYTES = 32;

const atLeast = (least: number) => finite((value) => Number.isSafeInteger(value) && value >= least);
const anyText = textUpTo(FILE_MAX_BYTES);
const Digest = tuple(atLeast(1), atLeast(0), atLeast(0), anyText);
const OneSecret = object({ id: anyText, digests: listUpTo(FILE_MAX_BYTES, Digest) });
const Kept = shapeOf(object({ version: oneOf([1]), key: anyText, secrets: listUpTo(FILE_MAX_BYTES, OneSecret) }));

/**
 * Digests of the secrets that a process has held, also an earlier one of this boot, in a file on
 * tmpfs: by these a bundle finds them in logs without knowing them, also when the process hangs or
 * is gone. Keeping is a convenience for whoever makes a bundle: what fails is logged, never thrown.
 */
export class KeptDigests {
  readonly #file: string;
  readonly #mode: number;
  readonly #log: Log;
  #key = randomBytes(KEY_BYTES);
  readonly #secrets = new Map<string, readonly SecretDigest[]>();
  #count = 0;
  #writing: Promise<void> = Promise.resolve();
  #waiting: (string | Uint8Array)[] = [];

  private constructor(file: string, mode: number, log: Log) {
    this.#file = file;
    this.#mode = mode;
    this.#log = log;
  }

  /** Goes on with what an earlier process left in the file. `mode`: who may read it. */
  static async open(file: string, mode: number, log: Log): Promise<KeptDigests> {
    const kept = new KeptDigests(file, mode, log);
    try {
      const found = await readFileOf(file);
      if (found === undefined) return kept;
      kept.#key = found.key;
      for (const { id, digests } of found.secrets) kept.#note(id, digests);
    } catch (err) {
      log.warn({ file, err }, "secrets.digests-damaged");
    }
    return kept;
  }

  /** Never waits, never throws. */
  remember(secret: string | Uint8Array): void {
    this.#waiting.push(secret);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    if (this.#waiting.length === 1) this.#writing = this.#writing.then(() => this.#takeIn());
  }

  /** Resolves once what was remembered is in the file. */
  get written(): Promise<void> {
    return this.#writing;
  }

  /** In turns, so that other work goes on; then into the file. */
  async #takeIn(): Promise<void> {
    let isNews = false;
    while (this.#waiting.length > 0) {
      for (const untilMs = performance.now() + TURN_MS; performance.now() < untilMs; ) {
        const secret = this.#waiting.shift();
        if (secret === undefined) break;
        const id = macOf(Buffer.from(secret), this.#key);
        if (this.#secrets.has(id)) continue;
        isNews = true;
        this.#note(id, digestsOf(secret, this.#key));
      }
      if (this.#waiting.length > 0) await sleep(BETWEEN_TURNS_MS);
    }
    if (isNews) await this.#write();
  }

  #note(id: string, digests: readonly SecretDigest[]): void {
    this.#secrets.set(id, digests);
    this.#count += digests.length;
    for (const [oldest, { length }] of this.#secrets) {
      if (this.#count <= DIGESTS_MAX) break;
      this.#secrets.delete(oldest);
      this.#count -= length;
    }
  }

  async #write(): Promise<void> {
    const secrets = [...this.#secrets].map(([id, digests]) => ({
      id,
      digests: digests.map(({ bytes, head, tail, mac }) => [bytes, head, tail, mac]),
    }));
    const text = JSON.stringify({ version: 1, key: this.#key.toString("base64"), secrets });
    try {
      await replaceFile(this.#file, text, { mode: this.#mode });
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "secrets.digests-not-kept");
    }
  }
}

/** Undefined where there is no such file. @throws if it cannot be read, or is damaged. */
export async function readDigests(file: string): Promise<SecretDigests | undefined> {
  const found = await readFileOf(file);
  return found && { key: found.key, digests: found.secrets.flatMap(({ digests }) => digests) };
}

async function readFileOf(file: string) {
  const bytes = await readHead(file, FILE_MAX_BYTES).catch((failure: unknown) => {
    if (failure instanceof NotThere || isCode(failure, "ENOENT")) return undefined;
    throw failure;
  });
  if (bytes === undefined) return undefined;
  const read = fitted(Kept, JSON.parse(bytes.toString("utf8")));
  if (!read.success) throw new Error(`${file} is no list of digests: ${misfit(read.error)}`);
  const { key, secrets } = read.data;
  return {
    key: Buffer.from(key, "base64"),
    secrets: secrets.map(({ id, digests }) => ({
      id,
      digests: digests.map(([size, head, tail, mac]) => ({ bytes: size, head, tail, mac })),
    })),
  };
}
