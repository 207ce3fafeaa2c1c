import type { Clock } from "../ports/clock.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";

/**
 * The processor's clock is read once in as long as this: it sums up all threads, for 50 µs, and a
 * handshake of 1 ms has two steps.
 */
const READ_EVERY_MS = 2;

/** What a step took by both clocks, when it is over. */
export interface Step {
  readonly nowMs: number;
  readonly costMs: number;
}

/**
 * What a step of a handshake took: the less of two, for a build beside us takes time from both of
 * us, and threads of Node's own take processor time. A step that is over before the processor's
 * clock would be read again took no more than it lasted.
 */
export class StepClock {
  readonly #clock: Clock;
  readonly #gauges: Pick<RuntimeGauges, "processorMs">;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #processorMs = 0;

  constructor(clock: Clock, gauges: Pick<RuntimeGauges, "processorMs">) {
    this.#clock = clock;
    this.#gauges = gauges;
  }

  /** A step begins: at this monotonic moment. */
  begin(): number {
    const beganMs = this.#clock.now().monoMs;
    if (beganMs - this.#readAtMs >= READ_EVERY_MS) this.#read(beganMs);
    return beganMs;
  }

  /** @param beganMs What `begin` gave, last. */
  end(beganMs: number): Step {
    const nowMs = this.#clock.now().monoMs;
    const lastedMs = nowMs - beganMs;
    if (lastedMs < READ_EVERY_MS) return { nowMs, costMs: lastedMs };
    const before = this.#processorMs;
    this.#read(nowMs);
    return { nowMs, costMs: Math.min(lastedMs, this.#processorMs - before) };
  }

  #read(nowMs: number): void {
    this.#readAtMs = nowMs;
    this.#processorMs = this.#gauges.processorMs();
  }
}
