/**
 * What was opened in order and is closed in reverse, all of it, even past a failure. Use with
 * `await using`.
 */
export class Opened implements AsyncDisposable {
  readonly #closers: (() => void | PromiseLike<void>)[] = [];

  defer(close: () => void | PromiseLike<void>): void {
    this.#closers.push(close);
  }

  own<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
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
    if (failures.length > 0) throw new AggregateError(failures, "Not everything could be closed.");
  }
}
