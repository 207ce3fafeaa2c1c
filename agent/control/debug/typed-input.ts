import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import { AgentError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HeldTerminal } from "../../ports/debug-terminal.ts";

/** What a person types: each byte once, however often it comes, and since when there was none. */
export class TypedInput {
  readonly #held: HeldTerminal;
  readonly #clock: Clock;
  readonly #hasTaken: () => void;
  #come = 0;
  #taken = 0;
  #lastKeyMonoMs: number;

  /** @param hasTaken the terminal has taken some of it. */
  constructor(held: HeldTerminal, clock: Clock, hasTaken: () => void) {
    this.#held = held;
    this.#clock = clock;
    this.#hasTaken = hasTaken;
    this.#lastKeyMonoMs = clock.now().monoMs;
  }

  /** How many bytes the terminal has taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * False: more waits than may, and it was not given to the terminal.
   * @throws {AgentError} for a gap: the stream is not one that can be gone on with.
   */
  type(offset: number, data: Uint8Array): boolean {
    if (offset > this.#come)
      throw new AgentError("terminal.gap", `Input ${this.#come} to ${offset} is missing`, { retryable: true });
    const fresh = data.subarray(this.#come - offset);
    if (fresh.length === 0) return true;
    this.#come += fresh.length;
    this.#lastKeyMonoMs = this.#clock.now().monoMs;
    if (this.#come - this.#taken > DEBUG_LIMITS.inputWindowBytes) return false;
    void this.#give(fresh);
    return true;
  }

  /** Resolves when no key has come for so long, or with `signal`. */
  async untilIdle(limitMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const leftMs = this.#lastKeyMonoMs + limitMs - this.#clock.now().monoMs;
      if (leftMs <= 0) return;
      await this.#clock.sleep(leftMs, signal);
    }
  }

  async #give(input: Uint8Array): Promise<void> {
    await this.#held.write(input);
    this.#taken += input.length;
    this.#hasTaken();
  }
}
