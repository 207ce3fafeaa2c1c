/** The same throws for the same seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 up to, and without, `count`. */
  upTo(count: number): number {
    return Math.floor(this.#next() * count);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.upTo(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.upTo(256)));
  }

  /** Random pieces of it, in order; some are empty. */
  pieces(bytes: Buffer, most: number): readonly Buffer[] {
    const ends = Array.from({ length: this.upTo(most) }, () => this.upTo(bytes.length + 1)).toSorted((a, b) => a - b);
    return [...ends, bytes.length].map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }
}
