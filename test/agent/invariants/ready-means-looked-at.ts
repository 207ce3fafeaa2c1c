import type { ObservedState } from "../../../agent/core/observed-state.ts";
import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";
import { isOk } from "./told.ts";

/** From an event at a port to a board that shows it: a look once a second, and as much again. */
const SHOWN_MS = 2_000;
/** The agent's patience with a view that is not confirmed. */
const VIEW_MS = 5 * 60_000;

/** What has to have happened before a check may say ok. */
const NEEDS: Readonly<Record<string, "desired" | "cache" | "time">> = {
  "desired-state": "desired",
  "control-plane-view": "desired",
  clock: "time",
  unsupported: "desired",
  "cache-volume": "cache",
  "cache-filesystem": "cache",
  encryption: "cache",
};

export class ReadyMeansLookedAt implements Invariant {
  readonly name = "ready-means-looked-at";
  readonly promise = "Ready only when all blocking checks are ok, and none is ok before it was looked at";
  #shown: ObservedState | undefined;
  #linkLostMonoMs: number | undefined;
  #buildkitLostMonoMs: number | undefined;
  #heardMonoMs: number | undefined;
  #isCacheOpen = false;
  #hasTime = false;

  note(fact: Fact, now: Moment): string | undefined {
    switch (fact.is) {
      case "control-started":
        [this.#shown, this.#heardMonoMs, this.#hasTime] = [undefined, undefined, false];
        this.#linkLostMonoMs = now.monoMs;
        return undefined;
      case "control-killed":
      case "control-ended":
      case "control-failed":
        this.#shown = undefined;
        return undefined;
      case "link":
        this.#linkLostMonoMs = fact.isUp ? undefined : now.monoMs;
        return undefined;
      case "buildkit":
        this.#buildkitLostMonoMs = fact.isUp ? undefined : now.monoMs;
        return undefined;
      case "cache":
        this.#isCacheOpen = fact.isOpen;
        return undefined;
      case "time-told":
        this.#hasTime = true;
        return undefined;
      case "desired-arrived":
        [this.#heardMonoMs, this.#hasTime] = [now.monoMs, true];
        return undefined;
      case "shown":
        this.#shown = fact.state;
        return this.#unlooked(fact.state) ?? this.#unready(fact.state, now);
      case "second":
        return this.#shown && this.#unready(this.#shown, now);
      default:
        return undefined;
    }
  }

  #unlooked({ checks }: ObservedState): string | undefined {
    const has = { desired: this.#heardMonoMs !== undefined, cache: this.#isCacheOpen, time: this.#hasTime };
    const early = checks.find((check) => {
      const need = NEEDS[check.name];
      return need !== undefined && isOk(check) && !has[need] && this.#shown?.phase.at !== "stopping";
    });
    return early && `${early.name} is ok ("${early.message}") before there was anything to look at`;
  }

  #unready({ phase, checks }: ObservedState, { monoMs }: Moment): string | undefined {
    if (phase.at !== "ready") return undefined;
    if (checks.length === 0) return "Ready without a check";
    const failing = checks.find((check) => check.blocking && !isOk(check));
    if (failing !== undefined) return `Ready, and ${failing.name} fails: ${failing.message}`;
    if (!this.#isCacheOpen) return "Ready without a cache";
    if (since(this.#linkLostMonoMs, monoMs) > SHOWN_MS) return "Ready without its gateway";
    if (since(this.#buildkitLostMonoMs, monoMs) > SHOWN_MS) return "Ready without BuildKit";
    if (this.#heardMonoMs === undefined || monoMs - this.#heardMonoMs > VIEW_MS + SHOWN_MS)
      return "Ready by a view of the control plane that is too old";
    return undefined;
  }
}

function since(lostMonoMs: number | undefined, nowMonoMs: number): number {
  return lostMonoMs === undefined ? 0 : nowMonoMs - lostMonoMs;
}
