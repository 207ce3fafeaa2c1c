/**
 * Something that happens now and then and has no value: who waits is woken, who was busy can see
 * that it missed one.
 */
export class Pulse {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  /** How often it has happened. */
  get count(): number {
    return this.#count;
  }

  note(): void {
    this.#count += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Resolves when it has happened more than `after` times, at once if it has: take `count` before
   * some work, and what happened meanwhile is not missed. Resolves too when `signal` is aborted:
   * look at that first.
   */
  next(signal: AbortSignal, after = this.#count): Promise<void> {
    if (signal.aborted || this.#count > after) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
