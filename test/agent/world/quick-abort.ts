type Listener = () => void;

/**
 * An AbortSignal without the cost of Node's: no stack is taken when it is aborted, and nothing is
 * registered with the garbage collector. A simulated day makes half a million of them.
 */
class QuickSignal {
  aborted = false;
  reason: unknown = undefined;
  readonly #listeners = new Set<Listener>();

  addEventListener(_type: "abort", listener: Listener): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason ?? ABORTED;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

class QuickAbortController {
  readonly signal = new QuickSignal();

  abort(reason?: unknown): void {
    this.signal.abort(reason);
  }
}

const ABORTED = new DOMException("This operation was aborted", "AbortError");

// For processes that do nothing but simulate: imported first, so that what modules make when they
// are loaded is quick too.
Reflect.set(globalThis, "AbortController", QuickAbortController);
Error.stackTraceLimit = 0;
