/**
 * A signal that is aborted after `ms`, or with `outer`, whatever the garbage collector does: Node
 * 20 drops the timer of `AbortSignal.any([signal, AbortSignal.timeout(ms)])`. Dispose it when the
 * work is over. Does not keep the process alive.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #outers: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout;
  readonly #follow = (): void => this.#controller.abort(this.#outers.find((outer) => outer.aborted)?.reason as unknown);
  #hasExpired = false;

  constructor(ms: number, ...outers: readonly AbortSignal[]) {
    this.#outers = outers;
    this.#timer = setTimeout(() => {
      this.#hasExpired = true;
      this.#controller.abort(new DOMException(`Not within ${ms} ms`, "TimeoutError"));
    }, ms).unref();
    for (const outer of outers) outer.addEventListener("abort", this.#follow, { once: true });
    if (outers.some((outer) => outer.aborted)) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time is over, and not only the work given up. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const outer of this.#outers) outer.removeEventListener("abort", this.#follow);
  }
}
