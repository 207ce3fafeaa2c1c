import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";

/** DESIGN: a build that ended is cut within 250 ms. */
const PROMPT_MS = 250;

/** Counts while the gateway can be reached: one that is away is told when it comes back. */
export class RevocationsArePrompt implements Invariant {
  readonly name = "revocations-are-prompt";
  readonly promise = `A revocation reaches the gateway within ${PROMPT_MS} ms of its arrival`;
  #granted: ReadonlySet<string> = new Set();
  #isLinked = false;
  /** Builds that the gateway must be told of, and since when. */
  readonly #due = new Map<string, number>();

  note(fact: Fact, now: Moment): string | undefined {
    switch (fact.is) {
      case "link":
        this.#isLinked = fact.isUp;
        this.#due.clear();
        return undefined;
      case "gateway-started":
        this.#granted = new Set();
        this.#due.clear();
        return undefined;
      case "control-killed":
      case "control-ended":
      case "control-failed":
        this.#due.clear();
        return undefined;
      case "desired-arrived":
        this.#arrive(fact.granted, now);
        break;
      case "allow":
        this.#granted = fact.granted;
        for (const buildId of this.#due.keys()) if (!fact.granted.has(buildId)) this.#due.delete(buildId);
        return undefined;
      default:
        break;
    }
    return this.#late(now);
  }

  #arrive(granted: ReadonlySet<string>, now: Moment): void {
    if (!this.#isLinked) return;
    for (const buildId of this.#granted)
      if (!granted.has(buildId) && !this.#due.has(buildId)) this.#due.set(buildId, now.monoMs);
  }

  #late(now: Moment): string | undefined {
    for (const [buildId, sinceMonoMs] of this.#due) {
      if (now.monoMs - sinceMonoMs > PROMPT_MS)
        return `${buildId} is over since ${now.monoMs - sinceMonoMs} ms, and the gateway has not been told`;
    }
    return undefined;
  }
}
