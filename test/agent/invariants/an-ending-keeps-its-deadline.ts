import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { EndingOrders } from "./ending-orders.ts";

/** From the deadline until every session is cut and the last steps begin. */
const CUT_MS = 2_000;
/**
 * What the last steps may take together, each by its own limit: records 20 s, BuildKit 12 s, cache
 * 90 s, tailnet 30 s, farewell 5 s.
 */
const LAST_STEPS_MS = 157_000;
/** A disk that takes longer for one sync cannot be waited for. */
const SLOW_SYNC_MS = 2_000;
/** A last report that was sent is there. */
const FAREWELL_MS = 10_000;

export class AnEndingKeepsItsDeadline implements Invariant {
  readonly name = "an-ending-keeps-its-deadline";
  readonly promise = `An ending ends by its earliest deadline + ${CUT_MS / 1_000} s with every step done`;
  readonly #orders = new EndingOrders();
  readonly #done = new Set<string>();
  /** Closed, told to control, and not on disk. */
  readonly #unrecorded = new Set<string>();
  readonly #open = new Set<string>();
  #isCacheOpen = false;
  #isBuildkitUp = false;
  #isJoined = false;
  #hadCache = false;
  #wasJoined = false;
  /** Infinity: it is not, and nobody knows when. */
  #diskSoundFromMonoMs = 0;
  #wasDiskSound = true;
  #linkedSinceMonoMs: number | undefined;
  #attachedSinceMonoMs: number | undefined;
  #lastPhase = "";

  note(fact: Fact, now: Moment): string | undefined {
    const misordered = this.#misordered(fact);
    const before = this.#orders.first;
    this.#orders.note(fact, now);
    this.#watch(fact, now);
    if (before === undefined && this.#orders.first !== undefined) this.#begin(now);
    if (misordered !== undefined) return misordered;
    if (fact.is === "second") return this.#late(now);
    if (fact.is === "control-ended") return this.#missing(now);
    return undefined;
  }

  #watch(fact: Fact, now: Moment): void {
    switch (fact.is) {
      case "control-started":
        this.#unrecorded.clear();
        this.#lastPhase = "";
        return;
      case "link":
        this.#linkedSinceMonoMs = fact.isUp ? now.monoMs : undefined;
        // What was told over a link that is gone will be told again.
        if (!fact.isUp) this.#unrecorded.clear();
        return;
      case "attached":
        this.#attachedSinceMonoMs = now.monoMs;
        return;
      case "detached":
        this.#attachedSinceMonoMs = undefined;
        return;
      case "session-opened":
        this.#open.add(fact.sessionId);
        return;
      case "session-closed":
        this.#open.delete(fact.sessionId);
        if (fact.isHeard) this.#unrecorded.add(fact.sessionId);
        return;
      case "sessions-told":
        for (const id of fact.closed) this.#unrecorded.add(id);
        return;
      case "sessions-acknowledged":
        for (const id of fact.sessionIds) this.#unrecorded.delete(id);
        return;
      case "record-on-disk":
        if (fact.what === "closed") this.#unrecorded.delete(fact.sessionId);
        return;
      case "disk":
        this.#diskSoundFromMonoMs = soundFromMonoMs(fact, now);
        if (now.monoMs < this.#diskSoundFromMonoMs) this.#wasDiskSound = false;
        return;
      case "cache":
        this.#isCacheOpen = fact.isOpen;
        return;
      case "buildkit":
        this.#isBuildkitUp = fact.isUp;
        return;
      case "tailnet":
        this.#isJoined = fact.isJoined;
        return;
      case "reported":
        this.#lastPhase = fact.state.phase.at;
        return;
      case "step":
        this.#done.add(fact.step);
        return;
      default:
    }
  }

  #begin(now: Moment): void {
    this.#done.clear();
    this.#hadCache = this.#isCacheOpen;
    this.#wasJoined = this.#isJoined;
    this.#wasDiskSound = now.monoMs >= this.#diskSoundFromMonoMs;
  }

  /**
   * By what happens, whoever ordered it: a close may be the last wish of a process that is gone.
   */
  #misordered(fact: Fact): string | undefined {
    if (fact.is === "cache" && !fact.isOpen && this.#isBuildkitUp) return "The cache was closed under BuildKit";
    if (fact.is === "buildkit" && fact.isUp && !this.#isCacheOpen) return "BuildKit runs, and its cache is closed";
    return undefined;
  }

  #late(now: Moment): string | undefined {
    const overdueMs = this.#orders.overdueMs(now);
    if (overdueMs > CUT_MS + LAST_STEPS_MS) return `It goes on ${overdueMs} ms after its deadline`;
    const linkedMs = this.#linkedSinceMonoMs === undefined ? 0 : now.monoMs - this.#linkedSinceMonoMs;
    if (overdueMs > CUT_MS && linkedMs > CUT_MS && this.#open.size > 0)
      return `${this.#open.size} sessions are open ${overdueMs} ms after its deadline`;
    return undefined;
  }

  #missing(now: Moment): string | undefined {
    if (this.#orders.first === undefined) return undefined;
    if (this.#isBuildkitUp) return "It ended, and BuildKit runs";
    if (!this.#done.has("unit-stopped")) return "It ended, and BuildKit was not stopped";
    if (this.#hadCache && !this.#done.has("cache-closed")) return "It ended, and the cache was not closed";
    if (this.#wasJoined && !this.#done.has("tailnet-left")) return "It ended, and the tailnet was not left";
    if (this.#linkedSinceMonoMs !== undefined && this.#wasDiskSound && this.#unrecorded.size > 0)
      return `It ended with ${this.#unrecorded.size} records of closed sessions that are not on disk`;
    const attachedMs = this.#attachedSinceMonoMs === undefined ? 0 : now.monoMs - this.#attachedSinceMonoMs;
    if (attachedMs > FAREWELL_MS && this.#lastPhase !== "stopping")
      return "It ended, and the control plane did not hear that it was stopping";
    return undefined;
  }
}

/** A slow sync that is under way stays slow, however quick the next one is. */
function soundFromMonoMs({ isFull, syncMs, underWayMs }: Extract<Fact, { is: "disk" }>, { monoMs }: Moment): number {
  if (isFull || syncMs > SLOW_SYNC_MS) return Number.POSITIVE_INFINITY;
  return underWayMs > SLOW_SYNC_MS ? monoMs + underWayMs : monoMs;
}
