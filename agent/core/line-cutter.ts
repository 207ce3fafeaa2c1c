/**
 * Cuts text that comes in pieces into lines. No line is longer than `maxChars`: what is beyond is
 * dropped up to the line's end, so that a writer that never ends its line cannot fill our memory.
 */
export class LineCutter {
  readonly #maxChars: number;
  #begun = "";

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  /** The lines that this piece completes, without their ends. */
  push(piece: string): readonly string[] {
    const parts = piece.split("\n");
    const last = parts.pop() ?? "";
    const lines = parts.map((part) => {
      const line = this.#grown(part);
      this.#begun = "";
      return line.endsWith("\r") ? line.slice(0, -1) : line;
    });
    this.#begun = this.#grown(last);
    return lines;
  }

  /** What was begun and not ended; empty if nothing was. */
  rest(): string {
    const rest = this.#begun;
    this.#begun = "";
    return rest;
  }

  #grown(part: string): string {
    return this.#begun.length >= this.#maxChars ? this.#begun : (this.#begun + part).slice(0, this.#maxChars);
  }
}
