/** A change in memory that can be taken back. `after` follows once it is kept. */
export interface Step {
  apply(): void;
  undo(): void;
  after?(): void;
}

/**
 * Changes of what is kept. All that belong together are kept as one before anything follows from
 * them, or none takes place. Synchronous throughout, so that no heartbeat can send what is not kept
 * yet.
 */
export class Commits {
  readonly #keep: () => void;
  #steps: Step[] | undefined;

  /** `keep` writes all that there is, with the change in it; it throws if it cannot. */
  constructor(keep: () => void) {
    this.#keep = keep;
  }

  /** A change of one step; part of the change that is under way, if one is. */
  make(step: Step): void {
    this.together(() => {
      step.apply();
      this.#steps?.push(step);
    });
  }

  /** Makes one change of all that `change` makes. @throws what it throws, or `keep`. */
  together<T>(change: () => T): T {
    if (this.#steps !== undefined) return change();
    const steps: Step[] = [];
    this.#steps = steps;
    let result: T;
    try {
      result = change();
      if (steps.length > 0) this.#keep();
    } catch (failure) {
      for (const step of steps.toReversed()) step.undo();
      throw failure;
    } finally {
      this.#steps = undefined;
    }
    for (const step of steps) step.after?.();
    return result;
  }
}
