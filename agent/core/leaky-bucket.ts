/**
 * So much at once, and so much in a time after that: what is put in runs out again at a steady
 * rate. Times are monotonic.
 */
export class LeakyBucket {
  readonly #holds: number;
  readonly #leaksPerMs: number;
  #level = 0;
  #atMs = 0;

  constructor({ holds, leaksPerMs }: { readonly holds: number; readonly leaksPerMs: number }) {
    this.#holds = holds;
    this.#leaksPerMs = leaksPerMs;
  }

  /** Puts it in where there is room for all of it; whether there was. */
  takes(amount: number, nowMs: number): boolean {
    this.#leak(nowMs);
    if (this.#level + amount > this.#holds) return false;
    this.#level += amount;
    return true;
  }

  /**
   * Puts it in, whatever there is; in how many ms the bucket is no more than full. What would take
   * longer than `mostMs` is forgotten.
   */
  overflowMs(amount: number, nowMs: number, mostMs: number): number {
    this.#leak(nowMs);
    this.#level = Math.min(this.#level + amount, this.#holds + mostMs * this.#leaksPerMs);
    return Math.max(0, (this.#level - this.#holds) / this.#leaksPerMs);
  }

  #leak(nowMs: number): void {
    this.#level = Math.max(0, this.#level - (nowMs - this.#atMs) * this.#leaksPerMs);
    this.#atMs = nowMs;
  }
}
