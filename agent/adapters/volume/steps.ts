import type { TimedStep } from "../../core/volume/order.ts";

/** What an order did, step by step, with its times: told as it happens, and kept for the answer. */
export class Steps {
  readonly #done: TimedStep[] = [];
  readonly #tell: (step: TimedStep) => void;

  constructor(tell: (step: TimedStep) => void) {
    this.#tell = tell;
  }

  get done(): readonly TimedStep[] {
    return [...this.#done];
  }

  /** A step that fails is told too: how long it took is often why. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      const step = { name, tookMs: Math.round(performance.now() - began) };
      this.#done.push(step);
      this.#tell(step);
    }
  }
}
