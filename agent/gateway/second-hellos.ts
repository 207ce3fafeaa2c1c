/** None that is on its way should be so far away. */
const WITHIN_MS = 1_000;

/**
 * Clients that were asked to say hello again, in another group. Node shows us no TLS socket before
 * that: it reads by itself, for the first of them, while the others wait. A second hello is cheap,
 * but nobody measures it.
 */
export class SecondHellos<T> {
  readonly #waiting = new Set<T>();
  readonly #read: (one: T) => void;
  readonly #missed: (one: T) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `read`: its turn has come. `missed`: its turn is over, and nothing came. */
  constructor(read: (one: T) => void, missed: (one: T) => void) {
    this.#read = read;
    this.#missed = missed;
  }

  /** Whose second hello is read now. */
  get present(): T | undefined {
    return this.#waiting.values().next().value;
  }

  has(one: T): boolean {
    return this.#waiting.has(one);
  }

  add(one: T): void {
    this.#waiting.add(one);
    if (this.present === one) this.#turn();
  }

  /** It has come, or never will. Harmless for one that is not here. */
  remove(one: T): void {
    const wasPresent = this.present === one;
    this.#waiting.delete(one);
    if (wasPresent) this.#turn();
  }

  #turn(): void {
    clearTimeout(this.#timer);
    const { present } = this;
    if (present === undefined) return;
    this.#timer = setTimeout(() => this.#missed(present), WITHIN_MS);
    this.#read(present);
  }
}
