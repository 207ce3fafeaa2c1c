const NEWLINE = 0x0a;
/**
 * Pieces of a line that are kept apart; more are joined. A far end that sends a byte at a time
 * would make each byte cost a hundred.
 */
const PIECES_MAX = 1_024;
/**
 * What one message may hold, commas and brackets counted: twice an allow-set of all that the
 * contract's limits allow. A value costs some ten times its bytes in memory, and as much again
 * where it does not fit.
 */
const VALUES_MAX = 262_144;

/**
 * Cuts a stream of bytes into lines. A line longer than `maxBytes` is an error, never cut short:
 * half a message must not be taken for a whole one.
 */
export class Lines {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that `chunk` completes, without their ends. @throws {RangeError} for a longer line.
   */
  *push(chunk: Buffer): Generator<string, void, undefined> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      const [first, ...rest] = this.#parts;
      // Most lines come in one piece, and a copy costs more than all the rest.
      const line = first === undefined ? "" : (rest.length === 0 ? first : Buffer.concat(this.#parts)).toString("utf8");
      this.#parts = [];
      this.#bytes = 0;
      from = end + 1;
      yield line;
    }
    this.#keep(chunk.subarray(from));
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) throw new RangeError(`A line exceeds ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#parts.push(part);
    if (this.#parts.length > PIECES_MAX) this.#parts = [Buffer.concat(this.#parts)];
  }
}

/** The lines of a stream until it ends. @throws {RangeError} for a line longer than `maxBytes`. */
export async function* linesOf(
  input: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<string, void, undefined> {
  const lines = new Lines(maxBytes);
  for await (const chunk of input) yield* lines.push(chunk);
}

/** A message as a line, its end included. JSON has no line breaks of its own. */
export function toLine(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Undefined for a text that is no JSON object, or one of more values than any message has. */
export function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  if (hasTooMany(line)) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** Counted also within texts: those of ours have few. */
function hasTooMany(line: string): boolean {
  if (line.length <= VALUES_MAX) return false;
  let values = 0;
  for (let at = 0; at < line.length && values <= VALUES_MAX; at += 1) {
    const code = line.charCodeAt(at);
    if (code === COMMA || code === BRACKET || code === BRACE) values += 1;
  }
  return values > VALUES_MAX;
}

const [COMMA, BRACKET, BRACE] = [0x2c, 0x5b, 0x7b];
