import { untilBeatMs } from "../../core/beat.ts";
import type { Clock } from "../../ports/clock.ts";

/** What looks every second does it at the same moment: a sample wakes nobody by itself. */
const SAMPLE_EVERY_MS = 1_000;

/**
 * How late the loop ran a timer, a sample a second. What holds the loop up for a second is seen
 * with the part that lies behind the next sample; for two seconds, always with more than one.
 */
export class DelaySampler implements Disposable {
  readonly #clock: Pick<Clock, "now">;
  #timer: NodeJS.Timeout;
  #dueMonoMs = 0;
  #worstMs = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
    this.#timer = this.#next();
  }

  /** The longest since the call before, that of a sample which is overdue now included. */
  takeWorstMs(): number {
    const worstMs = Math.max(this.#worstMs, this.#lateMs());
    this.#worstMs = 0;
    return worstMs;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #next(): NodeJS.Timeout {
    const now = this.#clock.now();
    const waitMs = untilBeatMs(now, SAMPLE_EVERY_MS);
    this.#dueMonoMs = now.monoMs + waitMs;
    return setTimeout(() => {
      this.#worstMs = Math.max(this.#worstMs, this.#lateMs());
      this.#timer = this.#next();
    }, waitMs).unref();
  }

  #lateMs(): number {
    return Math.max(0, this.#clock.now().monoMs - this.#dueMonoMs);
  }
}
