import { Counter, type Registry } from "prom-client";
import { boundedLabel } from "./bounded-label.ts";

export interface KnownCounterOptions {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  /** Shown from the start, at zero: `rate()` does not see a series that begins with its first. */
  readonly known: readonly string[];
}

/** A counter by one label, of which every value that is known has its series from the start. */
export class KnownCounter {
  readonly #counter: Counter;
  readonly #label: string;
  readonly #known: readonly string[];
  readonly #bounded: (value: string) => string;

  constructor(registry: Registry, { name, help, label, known }: KnownCounterOptions) {
    this.#counter = new Counter({ name, help, labelNames: [label], registers: [registry] });
    this.#label = label;
    this.#known = known;
    this.#bounded = boundedLabel(known);
    this.show({});
  }

  inc(value: string, by = 1): void {
    this.#counter.inc({ [this.#label]: this.#bounded(value) }, by);
  }

  /** What somebody else has counted, as it is; what is not in it is at zero. */
  show(counts: Readonly<Record<string, number>>): void {
    this.#counter.reset();
    for (const value of this.#known) this.inc(value, 0);
    for (const [value, count] of Object.entries(counts)) this.inc(value, count);
  }
}
