import type { Challenge } from "../challenge.ts";
import type { Fetch } from "../exchange.ts";
import type { SpentTokens } from "../nonces/nonces.ts";

/** What verifying one piece of evidence has at hand. The nonce is consumed already. */
export interface Surroundings {
  readonly challenge: Challenge;
  readonly nowMs: number;
  readonly spent: SpentTokens;
  readonly fetch: Fetch;
}
