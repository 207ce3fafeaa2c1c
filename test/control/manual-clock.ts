import type { Instant } from "../../agent/core/instant.ts";
import type { Clock } from "../../agent/ports/clock.ts";

/** Time that moves when the test says so: hours pass in no time, and nothing fires by chance. */
export class ManualClock implements Clock {
  #nowMs = Date.parse("2026-11-21T12:00:00Z");
  #aheadMs = 0;
  #sleptMs = 0;
  #busy = 0;
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  now(): Instant {
    return { wallMs: this.#nowMs + this.#aheadMs, monoMs: this.#nowMs - Date.parse("2026-11-21T00:00:00Z") };
  }

  /** The time of everybody whose clock is right. */
  get trueMs(): number {
    return this.#nowMs + this.#sleptMs;
  }

  /** The wall clock is put forward or back, as a time server does. */
  step(byMs: number): void {
    this.#aheadMs += byMs;
  }

  /** The VM stands still: its monotonic clock does not count, its wall clock is right after it. */
  sleepThrough(ms: number): void {
    this.#aheadMs += ms;
    this.#sleptMs += ms;
  }

  random(): number {
    return 0.5;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    if (ms <= 0) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const sleeper = {
        atMs: this.#nowMs + ms,
        wake: (): void => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  /**
   * Moves time on, waking sleepers in their order, and lets everything that follows from each
   * happen.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#settled();
    for (;;) {
      const next = [...this.#sleepers]
        .filter((sleeper) => sleeper.atMs <= untilMs)
        .toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
      await this.#settled();
    }
    this.#nowMs = untilMs;
  }

  /** Time does not move on before this real work is done: what a cryptographic library does. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work;
    } finally {
      this.#busy -= 1;
    }
  }

  async #settled(): Promise<void> {
    do await settle();
    while (this.#busy > 0);
  }
}

/** Lets promises that are ready run, and those that follow from them. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
