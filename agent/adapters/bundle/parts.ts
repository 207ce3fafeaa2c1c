const NEWLINE = 0x0a;

/** Cuts a long text into files of whole lines. A line that is longer than a file is cut as well. */
export class Parts {
  readonly #partBytes: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #given = 0;

  constructor(partBytes: number) {
    this.#partBytes = partBytes;
  }

  push(text: Buffer): void {
    if (text.length === 0) return;
    this.#held.push(text);
    this.#heldBytes += text.length;
  }

  /** Those that are complete. */
  *full(): Generator<Part, void, undefined> {
    if (this.#heldBytes < this.#partBytes) return;
    let text = Buffer.concat(this.#held);
    while (text.length >= this.#partBytes) {
      const end = text.lastIndexOf(NEWLINE, this.#partBytes - 1) + 1 || this.#partBytes;
      yield this.#named(text.subarray(0, end));
      text = text.subarray(end);
    }
    this.#hold(text);
  }

  /** Those, and what is left. */
  *all(): Generator<Part, void, undefined> {
    yield* this.full();
    if (this.#heldBytes > 0) yield this.#named(Buffer.concat(this.#held));
    this.#hold(Buffer.alloc(0));
  }

  #named(bytes: Buffer): Part {
    this.#given += 1;
    return { name: `${String(this.#given).padStart(4, "0")}.log`, bytes };
  }

  #hold(text: Buffer): void {
    this.#held = [text];
    this.#heldBytes = text.length;
  }
}

export interface Part {
  readonly name: string;
  readonly bytes: Buffer;
}
