import type { Instant } from "../../../agent/core/instant.ts";
import type { Clock } from "../../../agent/ports/clock.ts";
import type { Life } from "./life.ts";

const BOOT_WALL_MS = Date.parse("2026-11-21T12:00:00Z");
/** More sleeps than this without time moving on is a loop without a pause. */
const SPINS = 20_000;

interface Entry {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it is cancelled. */
  act: (() => void) | undefined;
}

/**
 * Time that jumps from one timer to the next. Timers due at the same moment fire one by one, and
 * all that follows from one in promises happens before the next: nothing depends on the speed of
 * this machine.
 */
export class SimulatedClock {
  #monoMs = 60_000;
  #wallAheadMs = BOOT_WALL_MS - 60_000;
  /** What suspends and steps added: the true time of the others counts the suspends alone. */
  #suspendedMs = 0;
  #made = 0;
  #sleeping = 0;
  #sleptAtOnce = 0;
  readonly #timers = new Timers();
  /** Called when a loop sleeps again and again without time moving on. */
  onSpin: () => void = () => {};

  get monoMs(): number {
    return this.#monoMs;
  }

  /** The time of everybody whose clock is right. */
  get trueWallMs(): number {
    return BOOT_WALL_MS - 60_000 + this.#monoMs + this.#suspendedMs;
  }

  /** Of the machine. */
  get now(): Instant {
    return { monoMs: this.#monoMs, wallMs: this.#monoMs + this.#wallAheadMs };
  }

  /** Timers that processes wait for now. */
  get sleeping(): number {
    return this.#sleeping;
  }

  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /**
   * As a time server does at last: a machine whose clock is hours ahead finds every certificate
   * expired.
   */
  setRight(): void {
    this.#wallAheadMs = this.trueWallMs - this.#monoMs;
  }

  /** The machine stands still: its monotonic clock does not count, the others' time goes on. */
  suspend(forMs: number): void {
    this.#wallAheadMs += forMs;
    this.#suspendedMs += forMs;
  }

  /** For the world itself. Returns what cancels it. */
  at(afterMs: number, act: () => void): () => void {
    const entry = this.#enter(afterMs, act);
    return () => {
      entry.act = undefined;
    };
  }

  /** For waiting inside stand-ins: resolves after `ms`, or once `signal` is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        entry.act = undefined;
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const entry = this.#enter(ms, wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** The clock as one process sees it, which sleeps no more once it is dead. */
  of(life: Life, random: () => number): Clock {
    return {
      now: () => this.now,
      random,
      sleep: (ms, signal) => (life.isAlive ? this.#sleep(ms, signal, life) : life.never()),
    };
  }

  /**
   * Lets time pass until `untilMonoMs`, or until `isOver` after an event. `onSecond` is called once
   * for each second that passes.
   */
  async run(untilMonoMs: number, isOver: () => boolean, onSecond: () => void): Promise<void> {
    await turn();
    for (let next = this.#timers.next; !isOver(); next = this.#timers.next) {
      if (next === undefined || next.atMs > untilMonoMs) break;
      this.#timers.take();
      const { act } = next;
      if (act === undefined) continue;
      if (next.atMs > this.#monoMs) this.#sleptAtOnce = 0;
      const isNextSecond = Math.floor(next.atMs / 1_000) > Math.floor(this.#monoMs / 1_000);
      this.#monoMs = Math.max(this.#monoMs, next.atMs);
      if (isNextSecond) onSecond();
      act();
      await turn();
    }
    this.#monoMs = Math.max(this.#monoMs, isOver() ? this.#monoMs : untilMonoMs);
  }

  #sleep(ms: number, signal: AbortSignal, life: Life): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    if (ms <= 0 || Number.isNaN(ms)) return this.#sleepAtOnce(life);
    return new Promise((resolve) => {
      this.#sleeping += 1;
      const wake = (): void => {
        if (entry?.act !== undefined) entry.act = undefined;
        signal.removeEventListener("abort", wake);
        this.#sleeping -= 1;
        if (life.isAlive) resolve();
      };
      const entry = ms === Number.POSITIVE_INFINITY ? undefined : this.#enter(ms, wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #sleepAtOnce(life: Life): Promise<void> {
    this.#sleptAtOnce += 1;
    if (this.#sleptAtOnce <= SPINS) return Promise.resolve();
    this.onSpin();
    return life.never();
  }

  #enter(afterMs: number, act: () => void): Entry {
    this.#made += 1;
    const entry: Entry = { atMs: this.#monoMs + afterMs, order: this.#made, act };
    this.#timers.add(entry);
    return entry;
  }
}

/**
 * Everything that promises have to do is done when this resolves: stand-ins use nothing but
 * promises.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A binary heap, the earliest on top; among equals the one that was made first. */
class Timers {
  readonly #heap: Entry[] = [];

  get next(): Entry | undefined {
    return this.#heap[0];
  }

  add(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  take(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && isBefore(right, left)) {
        least = right;
        child += 1;
      }
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
