import { countSpans, type Trace } from "../../core/traces/span.ts";
import { Cell } from "../../lifecycle/cell.ts";

/** What was told and is not sent yet: bounded, by its spans. */
export class WaitingTraces {
  readonly #most: number;
  #traces: Trace[] = [];
  readonly #spans = new Cell(0);

  /** @param most spans. */
  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#traces.length === 0;
  }

  /** Whether there was room. */
  push(trace: Trace): boolean {
    const spans = this.#spans.get() + countSpans(trace.root);
    if (spans > this.#most) return false;
    this.#traces.push(trace);
    this.#spans.set(spans);
    return true;
  }

  /** Those that come first, in as many spans as are wanted; one trace at least. */
  take(most: number): readonly Trace[] {
    let spans = 0;
    const rest = this.#traces.findIndex(({ root }, at) => {
      spans += countSpans(root);
      return at > 0 && spans > most;
    });
    const batch = this.#traces.splice(0, rest < 0 ? this.#traces.length : rest);
    this.#spans.update((before) => before - spansOf(batch));
    return batch;
  }

  /** What was taken and not sent has its place again, though more may have come meanwhile. */
  putBack(batch: readonly Trace[]): void {
    this.#traces.unshift(...batch);
    this.#spans.update((before) => before + spansOf(batch));
  }

  forget(): void {
    this.#traces = [];
    this.#spans.set(0);
  }

  /** Until so many spans wait, or `signal` is aborted. */
  async until(spans: number, signal: AbortSignal): Promise<void> {
    await this.#spans.first((waiting) => waiting >= spans, signal);
  }
}

export function spansOf(traces: readonly Trace[]): number {
  return traces.reduce((spans, { root }) => spans + countSpans(root), 0);
}
