import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { EndingOrders } from "./ending-orders.ts";

/** How a session ends that somebody on this machine ended. */
const CUTS = new Set(["orders", "expired", "cut-all", "buildkit-stopped"]);

/**
 * A build's own end is: the control plane ended or revoked it, its grant expired, or the deadline
 * of an ending has come. A client that hangs up, a gateway or a BuildKit that dies by itself is
 * nobody's cut.
 */
export class BuildsEndByTheirOwnEnd implements Invariant {
  readonly name = "builds-end-by-their-own-end";
  readonly promise = "No granted live build is cut but by its end";
  readonly #orders = new EndingOrders();
  readonly #expiresAtMs = new Map<string, number>();
  readonly #open = new Map<string, string>();
  /**
   * The stop of BuildKit that is under way was ordered by an ending that was due, whatever becomes
   * of who ordered it.
   */
  #isStopDue = false;

  note(fact: Fact, now: Moment): string | undefined {
    this.#orders.note(fact, now);
    switch (fact.is) {
      case "build-granted":
        this.#expiresAtMs.set(fact.buildId, fact.expiresAtMs);
        return undefined;
      case "build-over":
        this.#expiresAtMs.delete(fact.buildId);
        return undefined;
      case "session-opened":
        this.#open.set(fact.sessionId, fact.buildId);
        return undefined;
      case "session-closed":
        this.#open.delete(fact.sessionId);
        if (!CUTS.has(fact.by) || !this.#isLive(fact.buildId, now) || this.#orders.isDue(now)) return undefined;
        if (fact.by === "buildkit-stopped" && this.#isStopDue) return undefined;
        return `Session ${fact.sessionId} of ${fact.buildId} was cut (${fact.by})${this.#order(now)}`;
      case "hurt":
        if (fact.what === "buildkit-stopped") this.#isStopDue = this.#orders.isDue(now);
        return undefined;
      case "control-ended":
        return this.#endedUnder(now);
      default:
        return undefined;
    }
  }

  #isLive(buildId: string, now: Moment): boolean {
    return now.wallMs < (this.#expiresAtMs.get(buildId) ?? 0);
  }

  #endedUnder(now: Moment): string | undefined {
    if (this.#orders.isDue(now)) return undefined;
    const live = [...this.#open].find(([, buildId]) => this.#isLive(buildId, now));
    return live && `The machine ended under session ${live[0]} of ${live[1]}${this.#order(now)}`;
  }

  #order(now: Moment): string {
    const { deadline } = this.#orders;
    return deadline === undefined ? "" : `, ${deadline.monoMs - now.monoMs} ms before the ending's deadline`;
  }
}
