/** What was opened one after the other, and is closed in reverse. */
export class Owned implements AsyncDisposable {
  readonly #all: AsyncDisposable[] = [];

  async add<T extends AsyncDisposable>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.#all.push(opened);
    return opened;
  }

  /** Closes all, also when some cannot be closed. @throws {AggregateError} with what failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const one of this.#all.splice(0).toReversed()) {
      try {
        await one[Symbol.asyncDispose]();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures);
  }
}
