/**
 * Which sessions of one gateway run are closed: `[from, to, from, to, …]`, ascending, never
 * adjoining.
 */
export type Spans = readonly number[];

/**
 * A gateway keeps at most 100,000 records for control (gateway/records.ts) and may tell each of
 * them again. Even if no two of their numbers adjoin they are all remembered: in 2 MB.
 */
const MOST_SPANS = 131_072;

/**
 * Only the present gateway tells anything; ids that no gateway of ours made count as a run each.
 */
const MOST_RUNS = 16_384;

/** The one shape of session ids: a gateway run numbers its sessions from 1. */
export function sessionIdOf(runId: string, number: number): string {
  return `${runId}.${number}`;
}

function partsOf(sessionId: string): { readonly runId: string; readonly number: number } {
  const [, runId, digits] = /^(.*)\.([1-9]\d{0,14})$/s.exec(sessionId) ?? [];
  return runId === undefined ? { runId: sessionId, number: 0 } : { runId, number: Number(digits) };
}

/**
 * Closed sessions, so that one that is told again is recognised. A run's numbers are kept as spans:
 * there are hardly more of them than sessions open at a time, however many are closed.
 */
export class ClosedSessions {
  /** The one that changed last stands last. */
  readonly #runs = new Map<string, number[]>();
  #spans = 0;

  has(sessionId: string): boolean {
    const { runId, number } = partsOf(sessionId);
    const spans = this.#runs.get(runId);
    return spans !== undefined && contains(spans, spanAt(spans, number), number);
  }

  add(sessionId: string): void {
    const { runId, number } = partsOf(sessionId);
    this.#change(runId, (spans) => insert(spans, number));
  }

  delete(sessionId: string): void {
    const { runId, number } = partsOf(sessionId);
    this.#change(runId, (spans) => remove(spans, number));
  }

  /** Takes in what `entries` gave. */
  addSpans(runId: string, more: Spans): void {
    this.#change(runId, (spans) => {
      const pairs = [...pairsOf(spans), ...pairsOf(more)].toSorted(([a], [b]) => a - b);
      spans.length = 0;
      for (const [from, to] of pairs) {
        const last = spans.at(-1);
        if (last !== undefined && from <= last + 1) spans[spans.length - 1] = Math.max(last, to);
        else spans.push(from, to);
      }
    });
  }

  /** Forgets the runs that changed longest ago; of the last one, its lowest numbers. */
  trim(): void {
    for (const [runId, spans] of this.#runs) {
      const excess = this.#spans - MOST_SPANS;
      if (excess <= 0 && this.#runs.size <= MOST_RUNS) return;
      if (this.#runs.size === 1) {
        spans.splice(0, 2 * excess);
        this.#spans -= excess;
      } else {
        this.#runs.delete(runId);
        this.#spans -= spans.length / 2;
      }
    }
  }

  /** Oldest first; at most `most` spans an item, so that one run may take several. */
  *entries(most: number): Generator<readonly [runId: string, spans: Spans], void, undefined> {
    for (const [runId, spans] of this.#runs)
      for (let at = 0; at < spans.length; at += 2 * most) yield [runId, spans.slice(at, at + 2 * most)];
  }

  #change(runId: string, change: (spans: number[]) => void): void {
    const spans = this.#runs.get(runId) ?? [];
    this.#spans -= spans.length / 2;
    change(spans);
    this.#spans += spans.length / 2;
    this.#runs.delete(runId);
    if (spans.length > 0) this.#runs.set(runId, spans);
  }
}

/** Where the first span stands that ends at or beyond `number`. */
function spanAt(spans: Spans, number: number): number {
  let low = 0;
  let high = spans.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[2 * middle + 1] ?? number) < number) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

function contains(spans: Spans, at: number, number: number): boolean {
  return (spans[at] ?? Number.POSITIVE_INFINITY) <= number;
}

function insert(spans: number[], number: number): void {
  const at = spanAt(spans, number);
  if (contains(spans, at, number)) return;
  const afterLast = spans[at - 1] === number - 1;
  const beforeNext = spans[at] === number + 1;
  if (afterLast && beforeNext) spans.splice(at - 1, 2);
  else if (afterLast) spans[at - 1] = number;
  else if (beforeNext) spans[at] = number;
  else spans.splice(at, 0, number, number);
}

function remove(spans: number[], number: number): void {
  const at = spanAt(spans, number);
  const [from, to] = [spans[at], spans[at + 1]];
  if (from === undefined || to === undefined || from > number) return;
  const left = from < number ? [from, number - 1] : [];
  const right = number < to ? [number + 1, to] : [];
  spans.splice(at, 2, ...left, ...right);
}

function* pairsOf(spans: Spans): Generator<readonly [from: number, to: number], void, undefined> {
  for (let at = 0; at < spans.length; at += 2) yield [spans[at] ?? 0, spans[at + 1] ?? 0];
}
