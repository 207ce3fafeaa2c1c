import type { Clock } from "../ports/clock.ts";

const SECOND_MS = 1_000;

/** Lines of the log that strangers cause: they must not be able to fill the disk. */
export class LineRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #onMissed: (lines: number) => void;
  #beganMs = 0;
  #lines = 0;

  /** `onMissed`: in a later second, of one in which too many were wanted. */
  constructor(clock: Clock, perSecond: number, onMissed: (lines: number) => void) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#onMissed = onMissed;
  }

  /** Whether one more may be written now. */
  take(): boolean {
    const nowMs = this.#clock.now().monoMs;
    if (nowMs - this.#beganMs >= SECOND_MS) {
      const missed = this.#lines - this.#perSecond;
      this.#beganMs = nowMs;
      this.#lines = 0;
      if (missed > 0) this.#onMissed(missed);
    }
    this.#lines += 1;
    return this.#lines <= this.#perSecond;
  }
}
