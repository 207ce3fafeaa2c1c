const PATIENCE_MS = 20_000;

/**
 * Things that were seen, in order. A test waits for one of them, however early or late it comes.
 */
export class Sightings<T> {
  readonly all: T[] = [];
  readonly #waiters = new Set<() => void>();

  see(thing: T): void {
    this.all.push(thing);
    for (const wake of [...this.#waiters]) wake();
  }

  /** The first at or after position `from` for which `holds`. */
  async first<S extends T>(holds: (thing: T) => thing is S, from?: number): Promise<S>;
  async first(holds: (thing: T) => boolean, from?: number): Promise<T>;
  async first(holds: (thing: T) => boolean, from = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = from;
      const look = (): void => {
        for (; next < this.all.length; next += 1) {
          const thing = this.all[next];
          if (thing === undefined || !holds(thing)) continue;
          clearTimeout(deadline);
          this.#waiters.delete(look);
          resolve(thing);
          return;
        }
      };
      const deadline = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`Not seen within ${PATIENCE_MS} ms: ${holds.toString()}`));
      }, PATIENCE_MS);
      this.#waiters.add(look);
      look();
    });
  }
}
