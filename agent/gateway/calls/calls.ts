import { methodOf } from "../../core/calls.ts";
import type { SessionOpening } from "../../core/session.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { LineRate } from "../line-rate.ts";
import type { Policy } from "../policy.ts";
import { Belongings } from "./belongings.ts";
import { CallGuard, type GuardMaker } from "./call-guard.ts";
import { USUAL_FRAME_LIMITS } from "./frame-budget.ts";

/** What exceeds it is counted, and told in one line. */
const LINES_A_SECOND = 20;
const ROOM_EVERY_MS = 60_000;

export interface CallsParts {
  readonly policy: Pick<Policy, "permissions" | "contextGroup">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What the builds of this machine ask of BuildKit: whose each thing is, and how often something was
 * refused.
 */
export class Calls {
  readonly #parts: CallsParts;
  readonly #belongings = new Belongings();
  readonly #refused = new Map<string, number>();
  readonly #lines: LineRate;
  #madeRoomMs = 0;

  constructor(parts: CallsParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#lines = new LineRate(clock, LINES_A_SECOND, (calls) => log.warn({ calls }, "call.refusals-not-logged"));
  }

  /**
   * By method; what is no known method counts as "unknown", so that a client cannot make new names.
   */
  get refused(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused);
  }

  guardOf(opening: SessionOpening): GuardMaker {
    const { policy, clock } = this.#parts;
    const { buildId } = opening.build;
    this.#makeRoom();
    return (ways) =>
      new CallGuard({
        ...ways,
        buildId,
        permissions: () => policy.permissions(buildId),
        contextGroup: () => policy.contextGroup(buildId),
        belongings: this.#belongings,
        limits: USUAL_FRAME_LIMITS,
        monoMs: () => clock.now().monoMs,
        onRefused: (path, because) => this.#note(opening, path, because),
      });
  }

  #makeRoom(): void {
    const nowMs = this.#parts.clock.now().monoMs;
    if (nowMs - this.#madeRoomMs < ROOM_EVERY_MS) return;
    this.#madeRoomMs = nowMs;
    this.#belongings.makeRoom((buildId) => this.#parts.policy.permissions(buildId).size > 0);
  }

  #note({ sessionId, build: { buildId } }: SessionOpening, path: string, because: string): void {
    const method = methodOf(path) === undefined ? "unknown" : path;
    this.#refused.set(method, (this.#refused.get(method) ?? 0) + 1);
    if (this.#lines.take()) this.#parts.log.warn({ sessionId, buildId, method, because }, "call.refused");
  }
}
