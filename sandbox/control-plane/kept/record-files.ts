import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../../failure.ts";
import type { KnownBoot, RecordBatch, RecordJournal } from "./record-journal.ts";
import { syncDirectory } from "./written-whole.ts";

/** Then the file becomes the older one, and what was the older one is forgotten. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;
const MOST_IN_MEMORY = 1_000;

const line = z.object({
  project: z.string(),
  bootId: z.string(),
  upTo: z.string().transform(BigInt),
  records: z.array(z.object({ sequence: z.string().transform(BigInt) })),
});

/**
 * `DIR/records.jsonl`, and `records.1.jsonl` before it: what came together is a line, on disk
 * before it is acknowledged. Bounded: the oldest are forgotten. Each line says up to where nothing
 * was missing, so that what is forgotten never counts as missing, nor what is missing as kept.
 */
export class RecordFiles implements RecordJournal {
  readonly recalled: readonly KnownBoot[];
  readonly mostInMemory = MOST_IN_MEMORY;
  readonly #dir: string;
  readonly #path: string;
  readonly #older: string;
  readonly #fileMaxBytes: number;
  #sizeBytes: number;

  /** @throws {SandboxFailure} when a file cannot be read as what it must be. */
  constructor(dir: string, fileMaxBytes = FILE_MAX_BYTES) {
    this.#dir = dir;
    this.#path = join(dir, "records.jsonl");
    this.#older = join(dir, "records.1.jsonl");
    this.#fileMaxBytes = fileMaxBytes;
    dropHalfLine(this.#path);
    this.recalled = knownBoots([...lines(this.#older), ...lines(this.#path)]);
    this.#sizeBytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  append(batch: RecordBatch): void {
    if (this.#sizeBytes >= this.#fileMaxBytes) {
      renameSync(this.#path, this.#older);
      this.#sizeBytes = 0;
    }
    const isNew = this.#sizeBytes === 0;
    const text = `${inWords(batch)}\n`;
    const fd = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } catch (cause) {
      // Part of the line may be there: the next one must not be glued to it.
      ftruncateSync(fd, this.#sizeBytes);
      throw cause;
    } finally {
      closeSync(fd);
    }
    if (isNew) syncDirectory(this.#dir);
    this.#sizeBytes += Buffer.byteLength(text);
  }
}

/** What a process that was killed had only begun to write was never acknowledged. */
function dropHalfLine(path: string): void {
  const text = read(path);
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) truncateSync(path, Buffer.byteLength(whole));
}

function lines(path: string): readonly z.output<typeof line>[] {
  const texts = read(path).split("\n").filter(Boolean);
  return texts.map((text, index) => {
    try {
      return line.parse(JSON.parse(text));
    } catch (cause) {
      throw new SandboxFailure(
        EXIT.badData,
        `${path}, line ${index + 1}, is damaged: take the line away, or move the file away; machines send again what was not acknowledged.`,
        cause,
      );
    }
  });
}

function knownBoots(batches: readonly z.output<typeof line>[]): readonly KnownBoot[] {
  const boots = new Map<string, { project: string; bootId: string; upTo: bigint; seen: bigint[] }>();
  for (const { project, bootId, upTo, records } of batches) {
    const key = `${project}/${bootId}`;
    const seen = [...(boots.get(key)?.seen ?? []), ...records.map(({ sequence }) => sequence)];
    boots.set(key, { project, bootId, upTo, seen: seen.filter((sequence) => sequence > upTo) });
  }
  return [...boots.values()].map(({ seen, ...boot }) => ({ ...boot, beyond: seen }));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return "";
    throw new SandboxFailure(EXIT.noInput, `Cannot read ${path}: ${messageOf(cause)}.`, cause);
  }
}

/** For people and jq: numbers that are too large for JSON as text, bytes as hex. */
function inWords({ records, ...batch }: RecordBatch): string {
  const readable = records.map(({ keySpkiSha256, ...record }) => ({
    ...record,
    keySpkiSha256: Buffer.from(keySpkiSha256).toString("hex"),
  }));
  return JSON.stringify({ receivedAt: new Date(), ...batch, records: readable }, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}
