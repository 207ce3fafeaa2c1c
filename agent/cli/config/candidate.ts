import type { Key } from "./keys.ts";
import type { Problem } from "./problem.ts";
import type { Source } from "./source.ts";

/** A value for a key, not yet judged. */
export interface Candidate {
  readonly key: Key;
  readonly value: unknown;
  readonly source: Source;
}

/** What one source has to say. */
export interface Gathered {
  readonly candidates: readonly Candidate[];
  readonly problems: readonly Problem[];
}
