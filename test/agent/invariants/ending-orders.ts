import type { Fact, Moment } from "../facts.ts";

/** For open builds, when the order comes from the machine and names no deadline. */
export const GRACE_MS = 600_000;

/** Every order to end that reached the control process, and the earliest deadline of them all. */
export class EndingOrders {
  first: Moment | undefined;
  deadline: Moment | undefined;
  /** Those that hold for the next process, too. */
  #kept: { readonly first?: Moment; readonly deadline?: Moment } = {};
  #isCarriedOut = false;
  /** The process that can carry them out. */
  #runsSinceMonoMs: number | undefined;

  note(fact: Fact, now: Moment): void {
    if (fact.is === "control-ended") this.#isCarriedOut = true;
    if (fact.is === "rebooted" || (fact.is === "control-started" && this.#isCarriedOut)) this.#kept = {};
    if (fact.is === "control-started") this.#isCarriedOut = false;
    if (fact.is === "control-started") this.#runsSinceMonoMs = now.monoMs;
    if (fact.is === "control-killed" || fact.is === "control-ended") this.#runsSinceMonoMs = undefined;
    // The service manager's die with the process that heard them; the control plane's hold.
    if (fact.is === "control-started" || fact.is === "control-killed")
      [this.first, this.deadline] = [this.#kept.first, this.#kept.deadline];
    if (fact.is === "told-to-stop") this.#order(GRACE_MS, now);
    if (fact.is === "told-to-hurry") this.#order(0, now);
    if (fact.is !== "desired-arrived" || fact.drainGraceMs === undefined) return;
    this.#order(fact.drainGraceMs, now);
    this.#kept = { first: this.#kept.first ?? now, deadline: earlier(this.#kept.deadline, fact.drainGraceMs, now) };
  }

  /**
   * By either clock: a wall clock that was put forward cannot be told from a machine that stood
   * still.
   */
  isDue(now: Moment): boolean {
    return this.deadline !== undefined && (now.monoMs >= this.deadline.monoMs || now.wallMs >= this.deadline.wallMs);
  }

  /** By the clock that nobody can put back; none of it while no process is there to end it. */
  overdueMs(now: Moment): number {
    if (this.deadline === undefined || this.#runsSinceMonoMs === undefined) return 0;
    return Math.max(0, now.monoMs - Math.max(this.deadline.monoMs, this.#runsSinceMonoMs));
  }

  #order(graceMs: number, now: Moment): void {
    this.first ??= now;
    this.deadline = earlier(this.deadline, graceMs, now);
  }
}

function earlier(known: Moment | undefined, graceMs: number, now: Moment): Moment {
  const { monoMs, wallMs } = known ?? { monoMs: Infinity, wallMs: Infinity };
  return { monoMs: Math.min(monoMs, now.monoMs + graceMs), wallMs: Math.min(wallMs, now.wallMs + graceMs) };
}
