/** How often something happened within the last `windowMs`. */
export class Recent {
  readonly #windowMs: number;
  readonly #atMs: number[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Counts one more, and says how many that makes. */
  add(nowMs: number): number {
    this.#atMs.push(nowMs);
    while ((this.#atMs[0] ?? nowMs) <= nowMs - this.#windowMs) this.#atMs.shift();
    return this.#atMs.length;
  }

  clear(): void {
    this.#atMs.length = 0;
  }
}
