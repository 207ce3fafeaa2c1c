import type { FileHandle } from "node:fs/promises";
import type { Place } from "./journal.ts";

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 10;

export interface ScannedLine extends Place {
  /** Without its newline. Only good until the next line is asked for. */
  readonly line: Buffer;
}

/**
 * The lines of a file in order; what follows the last newline is not given. Holds one chunk and one
 * line in memory.
 */
export async function* scanLines(file: FileHandle): AsyncGenerator<ScannedLine, void, undefined> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const held = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let from = 0;
    for (let to = held.indexOf(NEWLINE); to !== -1; to = held.indexOf(NEWLINE, from)) {
      yield { offset, length: to + 1 - from, line: held.subarray(from, to) };
      offset += to + 1 - from;
      from = to + 1;
    }
    rest = held.subarray(from);
  }
}
