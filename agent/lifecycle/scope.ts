/**
 * What is opened in order and closed in reverse. Closing goes on past a failure and then throws
 * what failed first, with the others beside it. Use with `await using`.
 */
export class Scope implements AsyncDisposable {
  readonly #closers: (() => void | PromiseLike<void>)[] = [];

  /** Closes `closer` when the scope ends. */
  defer(closer: () => void | PromiseLike<void>): void {
    this.#closers.push(closer);
  }

  /** Owns a disposable and gives it back. */
  own<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.defer(() => (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]()));
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).toReversed()) {
      try {
        await close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "Several things failed to close");
  }
}
