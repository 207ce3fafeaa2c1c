import type { Trouble } from "../core/troubles.ts";

/**
 * Where troubles outlive this process, and not this boot. A convenience: what fails is logged, and
 * never thrown.
 */
export interface TroubleStore {
  /** What the last run of this boot kept; undefined: there was none, or nobody can read it. */
  load(bootId: string): Promise<KeptTroubles | undefined>;
  save(bootId: string, kept: KeptTroubles): Promise<void>;
}

export interface KeptTroubles {
  readonly troubles: readonly Trouble[];
  /** The run that kept them came to its end; else it was cut off. */
  readonly endedInOrder: boolean;
}
