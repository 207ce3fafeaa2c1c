import type { Fact, Moment } from "./facts.ts";

/** A promise that holds whatever happens, with its words for a person. */
export interface Invariant {
  /** Stable, for the command line. */
  readonly name: string;
  /** One sentence. */
  readonly promise: string;
  /** Takes note of a fact; what it returns says how the promise was broken. */
  note(fact: Fact, now: Moment): string | undefined;
}

export interface Breach {
  readonly invariant: string;
  readonly promise: string;
  readonly because: string;
  readonly afterBootMs: number;
}

/** Hands each fact to all invariants and keeps what they say, each kind of breach once. */
export class Trace {
  readonly #breaches = new Map<string, Breach>();
  readonly #now: () => Moment;
  readonly #bootMonoMs: number;
  readonly #invariants: readonly Invariant[];
  readonly #onFact: (fact: Fact, now: Moment) => void;

  constructor(
    now: () => Moment,
    invariants: readonly Invariant[],
    onFact: (fact: Fact, now: Moment) => void = () => {},
  ) {
    this.#now = now;
    this.#bootMonoMs = now().monoMs;
    this.#invariants = invariants;
    this.#onFact = onFact;
  }

  /** The first of each kind, in the order in which they came. */
  get breaches(): readonly Breach[] {
    return [...this.#breaches.values()];
  }

  /** By a breach whose words hold `because`. */
  isBroken(because: string): boolean {
    return this.#breaches.size > 0 && this.breaches.some((breach) => breach.because.includes(because));
  }

  note(fact: Fact): void {
    const now = this.#now();
    this.#onFact(fact, now);
    for (const invariant of this.#invariants) {
      const because = invariant.note(fact, now);
      if (because === undefined) continue;
      const { name, promise } = invariant;
      const breach = { invariant: name, promise, because, afterBootMs: now.monoMs - this.#bootMonoMs };
      const kind = kindOf(breach);
      if (!this.#breaches.has(kind)) this.#breaches.set(kind, breach);
    }
  }
}

/** Two breaches that differ in numbers and ids only are of one kind. */
export function kindOf({ invariant, because }: Breach): string {
  return `${invariant}: ${because.replaceAll(/[\w-]*\d[\w.:/-]*/g, "…")}`;
}
