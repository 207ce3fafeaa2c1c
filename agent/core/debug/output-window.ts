/**
 * Output that was not acknowledged, by the number of each byte since the terminal began. It holds
 * everything that may still have to be sent again, and nothing else.
 */
export class OutputWindow {
  #chunks: Uint8Array[] = [];
  #from = 0;
  #end = 0;

  /** The first byte that is held: all before it was acknowledged. */
  get from(): number {
    return this.#from;
  }

  /** The number that the next byte will have. */
  get end(): number {
    return this.#end;
  }

  get heldBytes(): number {
    return this.#end - this.#from;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#end += bytes.length;
  }

  /** Forgets what is before `upTo`. @throws {RangeError} for bytes that were never there. */
  acknowledge(upTo: number): void {
    if (upTo > this.#end) throw new RangeError(`${upTo} was acknowledged, and ${this.#end} is the end of the output`);
    while (this.#from < upTo) {
      const [first] = this.#chunks;
      if (first === undefined) return;
      const over = Math.min(first.length, upTo - this.#from);
      this.#from += over;
      if (over === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(over);
    }
  }

  /**
   * At most `most` bytes from `offset` on; none at the end.
   * @throws {RangeError} for what was acknowledged, and is gone.
   */
  read(offset: number, most: number): Uint8Array {
    if (offset < this.#from || offset > this.#end)
      throw new RangeError(`Output from ${offset} on is asked for, and ${this.#from} to ${this.#end} are held`);
    let skip = offset - this.#from;
    for (const chunk of this.#chunks) {
      if (skip < chunk.length) return chunk.subarray(skip, skip + most);
      skip -= chunk.length;
    }
    return new Uint8Array();
  }
}
