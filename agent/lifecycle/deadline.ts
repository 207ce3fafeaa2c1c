import { Branch } from "./branch.ts";

/**
 * A signal that is aborted `ms` after it was made, or with `outer`, whatever the garbage collector
 * does: Node 20 drops the timer of `AbortSignal.any([signal, AbortSignal.timeout(ms)])` when
 * nothing else holds the inner signal, and the wait then has no end. Dispose it when the work is
 * over. For adapters and commands; where a clock is handed in, `within` waits on that. Does not
 * keep the process alive.
 */
export class Deadline extends Branch {
  /** Held by its listener, too: Node keeps a timeout's signal for as long as it has one. */
  readonly #timeout: AbortSignal;
  readonly #expire = (): void => this.abort(this.#timeout.reason);

  /**
   * @param outer absent: what is cut short by time alone, for instance what tidies up after an
   *   abort.
   */
  constructor(ms: number, outer: AbortSignal = new AbortController().signal) {
    super(outer);
    this.#timeout = AbortSignal.timeout(ms);
    this.#timeout.addEventListener("abort", this.#expire, { once: true });
  }

  /** Whether the time is over, and not only the work given up. */
  get hasExpired(): boolean {
    return this.#timeout.aborted;
  }

  override [Symbol.dispose](): void {
    this.#timeout.removeEventListener("abort", this.#expire);
    super[Symbol.dispose]();
  }
}

/**
 * Aborted with the first of them. Both hold what is made here until then: for signals that live as
 * long as the process.
 */
export function eitherOf(one: AbortSignal, other: AbortSignal): AbortSignal {
  const either = new AbortController();
  for (const signal of [one, other]) {
    const follow = (): void => either.abort(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
  }
  return either.signal;
}
