import { setMaxListeners } from "node:events";
import type { Clock } from "../../ports/clock.ts";

/**
 * Timers take a signed 32-bit count of milliseconds; anything longer fires at once, so long sleeps
 * are walked in steps of this.
 */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Wall time, and CLOCK_MONOTONIC by way of `process.hrtime.bigint()`: its origin is the machine's
 * boot, so two processes of one boot read the same time (`performance.now()` counts from the
 * process's own start). The jitter is not for secrets.
 */
export function systemClock(): Clock {
  return {
    now: () => ({ wallMs: Date.now(), monoMs: Number(process.hrtime.bigint() / 1_000n) / 1_000 }),
    sleep,
    random: () => Math.random(),
  };
}

/**
 * Infinity sleeps until the signal; what is not a positive number yields once to the event loop: 0
 * for no longer than until what has come in was read.
 */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  if (ms <= 0) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout;
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const step = (leftMs: number): void => {
      timer =
        leftMs > LONGEST_TIMER_MS
          ? setTimeout(() => step(leftMs - LONGEST_TIMER_MS), LONGEST_TIMER_MS)
          : setTimeout(wake, leftMs);
    };
    // Many loops may sleep under one signal. Each listener goes with its sleep, so their number is
    // no leak to warn of.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", wake, { once: true });
    step(Number.isNaN(ms) ? 0 : ms);
  });
}
