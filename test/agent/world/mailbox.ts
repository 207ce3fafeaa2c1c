/**
 * What was told to one reader and not read yet. `size` is for whoever checks that nothing piles up.
 */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #failure: Error | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;

  get size(): number {
    return this.#items.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  put(item: T): void {
    if (this.#isClosed) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** The reader gets what is left, then the end, or `failure`. */
  close(failure?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failure = failure;
    this.#wake?.();
  }

  async *read(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        const item = this.#items.shift();
        if (item !== undefined) yield item;
        else if (this.#isClosed) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (!signal.aborted && this.#failure !== undefined) throw this.#failure;
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}
