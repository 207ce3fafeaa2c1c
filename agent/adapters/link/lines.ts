/** The longest line that either side takes: an allow-set of some 50,000 grants. */
export const LONGEST_LINE_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines. A line that grows beyond the bound ends the cutting: `push` returns undefined from then on. */
export class Lines {
  #parts: Buffer[] = [];
  #bytes = 0;
  #overrun = false;

  /** The lines that `chunk` completes, without their ends; undefined if one was too long. */
  push(chunk: Buffer): readonly string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    while (!this.#overrun) {
      const end = chunk.indexOf(NEWLINE, from);
      this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end));
      if (end === -1) break;
      lines.push(Buffer.concat(this.#parts).toString("utf8"));
      this.#parts = [];
      this.#bytes = 0;
      from = end + 1;
    }
    return this.#overrun ? undefined : lines;
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > LONGEST_LINE_BYTES) {
      this.#overrun = true;
      this.#parts = [];
    } else if (part.length > 0) this.#parts.push(part);
  }
}
