import type { Clock } from "../ports/clock.ts";

/**
 * Why what lies below ends: made once, because an error for each abort costs more than the rest of
 * it.
 */
export const OVER: unknown = AbortSignal.abort().reason;

/**
 * A signal below another: it is aborted with `outer`, or on its own. Dispose it when the work is
 * over; unlike `AbortSignal.any` on a signal that lives as long as the process, nothing is left
 * behind then.
 */
export class Branch implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #follow = (): void => this.#controller.abort(this.#outer.reason);

  constructor(outer: AbortSignal) {
    this.#outer = outer;
    if (outer.aborted) this.#follow();
    else outer.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason = OVER): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#outer.removeEventListener("abort", this.#follow);
    this.abort();
  }
}

/** Resolves when `signal` is aborted, or `outer` is. */
export async function aborted(signal: AbortSignal, outer: AbortSignal): Promise<void> {
  using branch = new Branch(outer);
  const stop = (): void => branch.abort();
  if (signal.aborted) return;
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (branch.signal.aborted) return;
    await new Promise<void>((resolve) => {
      branch.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Runs `work` under a signal that is aborted after `ms`, or with `outer`. What `work` makes of the
 * abort is its own business.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using branch = new Branch(outer);
  void clock.sleep(ms, branch.signal).then(() => branch.abort());
  return await work(branch.signal);
}

/**
 * Runs all at once; when the first is done, for good or ill, the others' signal is aborted.
 * Resolves when all are done.
 */
export async function firstOf(outer: AbortSignal, ...works: readonly Work[]): Promise<void> {
  using branch = new Branch(outer);
  await raceOn(branch, ...works);
}

/** The same on a branch that something else hangs on too, and ends with it. */
export async function raceOn(branch: Branch, ...works: readonly Work[]): Promise<void> {
  let failure: { readonly of: unknown } | undefined;
  await Promise.all(
    works.map(async (work) => {
      try {
        await work(branch.signal);
      } catch (of) {
        if (!branch.signal.aborted) failure ??= { of };
      } finally {
        branch.abort();
      }
    }),
  );
  if (failure !== undefined) throw failure.of;
}

type Work = (signal: AbortSignal) => Promise<unknown>;
