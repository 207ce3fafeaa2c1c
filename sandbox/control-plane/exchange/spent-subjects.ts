import type { SpentTokens } from "../../../verifier/src/index.ts";
import type { Commits } from "../kept/commits.ts";
import type { KeptExchange } from "./kept.ts";

/** Jobs' tokens that were exchanged, over restarts; a token is forgotten once it has expired. */
export class SpentSubjects implements SpentTokens {
  readonly #untilMs: Map<string, number>;
  readonly #commits: Commits;
  readonly #now: () => number;

  constructor(commits: Commits, now: () => number, recalled: KeptExchange["spent"]) {
    this.#commits = commits;
    this.#now = now;
    this.#untilMs = new Map(recalled.map(({ sha256, untilMs }) => [sha256, untilMs]));
  }

  kept(): KeptExchange["spent"] {
    return [...this.#untilMs].map(([sha256, untilMs]) => ({ sha256, untilMs }));
  }

  spend(digest: string, expiresAtMs: number): Promise<boolean> {
    const nowMs = this.#now();
    for (const [spent, untilMs] of this.#untilMs) if (untilMs < nowMs) this.#untilMs.delete(spent);
    if (this.#untilMs.has(digest)) return Promise.resolve(false);
    this.#commits.make({
      apply: () => this.#untilMs.set(digest, Math.ceil(expiresAtMs)),
      undo: () => this.#untilMs.delete(digest),
    });
    return Promise.resolve(true);
  }
}
