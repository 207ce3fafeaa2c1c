import { type Backoff, equalJitterMs, fullJitterMs } from "../core/backoff.ts";
import { inWords, isPassing } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { Branch, within } from "./branch.ts";
import { onChange, type Watchable } from "./cell.ts";
import type { LoopReport } from "./loop-report.ts";
import { ToldTries } from "./told-tries.ts";

export interface Pauses {
  /** After what passes by itself: full jitter below a ceiling that doubles. */
  readonly passing: Backoff;
  /** After what only a person or another wish can mend: looked at again at this pace. */
  readonly lastingMs: number;
}

export interface Failure {
  readonly err: unknown;
  /** Its message. */
  readonly because: string;
  /** Whether the same wish may succeed later. */
  readonly isPassing: boolean;
  /** In a row, this one included. */
  readonly failures: number;
  readonly retryInMs: number;
}

export interface Reconciliation<W> {
  readonly clock: Clock;
  /** The cells that `wanted` reads. */
  readonly watching: readonly Watchable[];
  /** What is to be done now; undefined: nothing. */
  wanted(): W | undefined;
  /** Whether two wishes ask for the same. */
  same(a: W, b: W): boolean;
  /** In a word or two, where wishes ask for different kinds of things. */
  doing?(wish: W): string;
  /**
   * While nothing is wanted: when to ask again though no cell has changed. Absent: not before one
   * does.
   */
  lookAgainMs?(): number;
  /**
   * Makes it so. `unchanged` is aborted once something else is wanted, `signal` when all ends; what
   * it throws after either is no failure. Resolves to when the same wish is to be acted on again,
   * in ms; undefined: not before it changes. What stays with what it has made calls `reached` when
   * that is there.
   */
  act(wish: W, unchanged: AbortSignal, signal: AbortSignal, reached: () => void): Promise<number | undefined>;
  readonly pauses: Pauses;
  /** Another pause than `pauses` has; Infinity: not before something else is wanted. */
  pauseMs?(failure: Omit<Failure, "retryInMs">, wish: W): number | undefined;
  /** Throws to give up: the loop ends with that. */
  failed(failure: Failure, wish: W): void;
  readonly report: LoopReport;
}

/**
 * The one shape of level-triggered work: what is wanted is acted on; a failure is classified and
 * followed by a pause, which ends early when something else is wanted. Ends with `signal`.
 */
export async function reconcile<W>(work: Reconciliation<W>, signal: AbortSignal): Promise<void> {
  const told = new ToldTries(work);
  for (let [failures, overtaken] = [0, 0]; !signal.aborted; ) {
    const wish = await nextWish(work, signal);
    if (wish === undefined) continue;
    using branch = new Branch(signal);
    void untilOther(work, wish, branch.signal).then(() => branch.abort());
    const { ended, ms } = await attempt(work, told, wish, failures, branch.signal, signal);
    failures = ended === "failed" ? failures + 1 : 0;
    overtaken = ended === "overtaken" ? overtaken + 1 : 0;
    await work.clock.sleep(ms, branch.signal);
    if (branch.signal.aborted) told.overtaken();
    // A wish that changes as fast as attempts fail is paced too, or the loop would spin.
    if (overtaken > 1) await work.clock.sleep(equalJitterMs(OVERTAKEN, overtaken, work.clock.random()), signal);
  }
}

const OVERTAKEN: Backoff = { baseMs: 50, capMs: 1_000 };

async function attempt<W>(
  work: Reconciliation<W>,
  told: ToldTries<W>,
  wish: W,
  failuresBefore: number,
  unchanged: AbortSignal,
  signal: AbortSignal,
): Promise<{ readonly ended: "done" | "failed" | "overtaken"; readonly ms: number }> {
  told.begin(wish);
  try {
    const againMs = await work.act(wish, unchanged, signal, () => told.reached(wish));
    told.reached(wish);
    work.report.succeeded();
    return { ended: "done", ms: againMs ?? Number.POSITIVE_INFINITY };
  } catch (err) {
    if (unchanged.aborted || signal.aborted) return { ended: "overtaken", ms: 0 };
    const seen = { err, because: inWords(err), isPassing: isPassing(err), failures: failuresBefore + 1 };
    const retryInMs = work.pauseMs?.(seen, wish) ?? usualPauseMs(work, seen);
    told.failed(wish, seen.because, retryInMs);
    work.report.failed(seen.because, retryInMs);
    work.failed({ ...seen, retryInMs }, wish);
    return { ended: "failed", ms: retryInMs };
  }
}

function usualPauseMs<W>({ pauses, clock }: Reconciliation<W>, seen: Omit<Failure, "retryInMs">): number {
  return seen.isPassing ? fullJitterMs(pauses.passing, seen.failures - 1, clock.random()) : pauses.lastingMs;
}

async function nextWish<W>(work: Reconciliation<W>, outer: AbortSignal): Promise<W | undefined> {
  let wish: W | undefined;
  const lookAgainMs = work.lookAgainMs?.() ?? Number.POSITIVE_INFINITY;
  await within(work.clock, lookAgainMs, outer, async (signal) => {
    using found = new Branch(signal);
    await onChange(
      work.watching,
      () => {
        wish = work.wanted();
        if (wish !== undefined) found.abort();
      },
      found.signal,
    );
  });
  return wish ?? (outer.aborted ? undefined : work.wanted());
}

async function untilOther<W>(work: Reconciliation<W>, wish: W, outer: AbortSignal): Promise<void> {
  using other = new Branch(outer);
  await onChange(
    work.watching,
    () => {
      const now = work.wanted();
      if (now === undefined || !work.same(now, wish)) other.abort();
    },
    other.signal,
  );
}
