import type { SpentTokens } from "./nonces.ts";

/** For one process; a restart forgets, and a token that still lives may be used once more. */
export class MemorySpentTokens implements SpentTokens {
  readonly #untilMs = new Map<string, number>();
  readonly #now: () => number;

  constructor({ now }: { readonly now: () => number }) {
    this.#now = now;
  }

  spend(digest: string, expiresAtMs: number): Promise<boolean> {
    for (const [spent, untilMs] of this.#untilMs) if (untilMs < this.#now()) this.#untilMs.delete(spent);
    const isFirst = !this.#untilMs.has(digest);
    if (isFirst) this.#untilMs.set(digest, expiresAtMs);
    return Promise.resolve(isFirst);
  }
}
