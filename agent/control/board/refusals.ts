import { AgentError } from "../../core/errors.ts";
import { PlaneError } from "../../core/plane-status.ts";
import { NO_REFUSALS, noteAnswer, type RefusalWatch } from "../../core/refusal-watch.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * The control plane will not have this machine: the agent ends, in order, and starting again does
 * not help.
 */
export class MachineRefused extends AgentError {
  constructor(cause: PlaneError) {
    const isMarked = cause.step === "end-agent";
    const words = isMarked ? cause.message : `Refused for half an hour, and nothing else was heard: ${cause.message}`;
    super("control-plane.machine-refused", words, { retryable: false, cause });
  }
}

/**
 * One for all calls to the control plane: tells a refusal for good from what an intermediary may
 * answer.
 */
export class Refusals {
  readonly #clock: Clock;
  #watch: RefusalWatch = NO_REFUSALS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The control plane answered a call, or sent a message. */
  heard(): void {
    this.#note("other");
  }

  /** Notes a failed call. @throws {MachineRefused} when the machine is refused for good. */
  judge(failure: unknown): void {
    const isSuspect = failure instanceof PlaneError && failure.step === "suspect";
    const isOver = this.#note(isSuspect ? "suspect" : "other");
    if (!(failure instanceof PlaneError)) return;
    if (failure.step === "end-agent" || isOver) throw new MachineRefused(failure);
  }

  #note(answer: "suspect" | "other"): boolean {
    const { state, end } = noteAnswer(this.#watch, answer, this.#clock.now().monoMs);
    this.#watch = state;
    return end;
  }
}
