import { Deadline } from "../../../lifecycle/deadline.ts";

/** All that one kind of evidence asks, together. */
const GATHER_MS = 5_000;

/** How long evidence may take. Each adapter has one, and all its questions share it. */
export interface Bounded {
  /** Default 5 s. */
  readonly budgetMs?: number;
}

/** What is left of the time for one piece of evidence. Dispose it when it has been gathered. */
export class Budget extends Deadline {
  readonly ms: number;

  constructor({ budgetMs = GATHER_MS }: Bounded, outer: AbortSignal) {
    super(budgetMs, outer);
    this.ms = budgetMs;
  }
}
