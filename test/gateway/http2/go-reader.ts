import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { tool } from "../../buildkit/real-buildkit.ts";

/**
 * A header block that Go accepted, and the call's first message. Bytes are characters, one each.
 */
export interface GoCall {
  readonly stream: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly isWhole: boolean;
  /** By field number. Absent where it is not whole, or has none. */
  readonly names?: Readonly<Record<string, string>>;
  /** Of a whole one, in base 64. */
  readonly message?: string;
  /** Why BuildKit's decoder takes nothing from it. */
  readonly unread?: string;
}

export interface GoReading {
  readonly calls: readonly GoCall[];
  /** Streams that were refused without an end of the connection. */
  readonly refused: readonly number[];
  /** "eof": all was read. */
  readonly end: string;
}

/** What BuildKit's end reads of a client's bytes: a process of tools/h2reader. */
export class GoReader implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    this.#process = spawn(tool("h2reader"), { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Each record is the client's side of one connection. One call at a time. */
  async read(records: readonly Buffer[]): Promise<readonly GoReading[]> {
    for (const record of records) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(record.length);
      this.#process.stdin.write(length);
      this.#process.stdin.write(record);
    }
    const readings: GoReading[] = [];
    while (readings.length < records.length) {
      const answer = await this.#answers.next();
      if (answer.done === true) throw new Error("h2reader has ended");
      readings.push(JSON.parse(answer.value) as GoReading);
    }
    return readings;
  }

  async one(record: Buffer): Promise<GoReading> {
    const [reading] = await this.read([record]);
    if (reading === undefined) throw new Error("no answer");
    return reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }
}

/** The code of each byte, as a text of "0" and "1", as Go writes it. */
export async function huffmanCodes(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(tool("h2reader"), ["huffman"]);
  return JSON.parse(stdout) as string[];
}
