import type { Fact, Moment } from "../facts.ts";

/** For open builds, when the order comes from the machine and names no deadline. */
export const GRACE_MS = 600_000;

/** Every order to end that reached the control process, and the earliest deadline of them all. */
export class EndingOrders {
  first: Moment | undefined;
  deadline: Moment | undefined;

  note(fact: Fact, now: Moment): void {
    // Orders that a process took with it are given to the next one anew, or not at all.
    if (fact.is === "control-started" || fact.is === "control-killed")
      [this.first, this.deadline] = [undefined, undefined];
    if (fact.is === "told-to-stop") this.#order(GRACE_MS, now);
    if (fact.is === "told-to-hurry") this.#order(0, now);
    if (fact.is === "desired-arrived" && fact.drainGraceMs !== undefined) this.#order(fact.drainGraceMs, now);
  }

  /**
   * By either clock: a wall clock that was put forward cannot be told from a machine that stood
   * still.
   */
  isDue(now: Moment): boolean {
    return this.deadline !== undefined && (now.monoMs >= this.deadline.monoMs || now.wallMs >= this.deadline.wallMs);
  }

  /** By the clock that nobody can put back. */
  overdueMs(now: Moment): number {
    return this.deadline === undefined ? 0 : Math.max(0, now.monoMs - this.deadline.monoMs);
  }

  #order(graceMs: number, now: Moment): void {
    this.first ??= now;
    const { monoMs, wallMs } = this.deadline ?? { monoMs: Infinity, wallMs: Infinity };
    this.deadline = { monoMs: Math.min(monoMs, now.monoMs + graceMs), wallMs: Math.min(wallMs, now.wallMs + graceMs) };
  }
}
