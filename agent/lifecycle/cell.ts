import type { Clock } from "../ports/clock.ts";
import { OVER } from "./branch.ts";

/**
 * A value that changes, and whose readers want the latest, not the history: the shape of
 * level-triggered work. Setting never waits; a slow reader skips what was overtaken. `same` decides
 * what counts as a change: an equal value wakes nobody, however fresh the object.
 */
export class Cell<T> {
  #value: T;
  readonly #same: (a: T, b: T) => boolean;
  readonly #watchers = new Set<() => void>();

  constructor(value: T, same: (a: T, b: T) => boolean = Object.is) {
    this.#value = value;
    this.#same = same;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (this.#same(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  /** Calls `watcher` after each change, synchronously; returns what ends it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * The first value, the present one included, that `holds`; undefined when `signal` is aborted
   * before.
   */
  async first(holds: (value: T) => boolean, signal: AbortSignal): Promise<T | undefined> {
    let found: { readonly value: T } | undefined;
    const done = new AbortController();
    const stop = (): void => done.abort(OVER);
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) return undefined;
      await onChange(
        [this],
        () => {
          if (!holds(this.#value)) return;
          found = { value: this.#value };
          stop();
        },
        done.signal,
      );
      return found?.value;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

export type Watchable = Pick<Cell<unknown>, "watch">;

/**
 * Calls `act` now, and again after changes of any cell: changes that come together count once. Ends
 * with `signal`, or when `act` throws.
 */
export function onChange(cells: readonly Watchable[], act: () => void, signal: AbortSignal): Promise<void> {
  return whenChanged(cells, act, undefined, signal);
}

/**
 * The same, once in a turn of the event loop: for who looks at everything. Of fifty sessions that
 * open together each is a change.
 */
export function onTurn(clock: Clock, cells: readonly Watchable[], act: () => void, signal: AbortSignal): Promise<void> {
  return whenChanged(cells, act, clock, signal);
}

async function whenChanged(
  cells: readonly Watchable[],
  act: () => void,
  clock: Clock | undefined,
  signal: AbortSignal,
): Promise<void> {
  let changed = true;
  let wake: (() => void) | undefined;
  const note = (): void => {
    changed = true;
    wake?.();
  };
  const unwatch = cells.map((cell) => cell.watch(note));
  signal.addEventListener("abort", note);
  try {
    while (!signal.aborted) {
      if (changed) {
        changed = false;
        act();
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
        await clock?.sleep(0, signal);
      }
    }
  } finally {
    signal.removeEventListener("abort", note);
    for (const end of unwatch) end();
  }
}
