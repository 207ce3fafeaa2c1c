import type { Trouble } from "../core/troubles.ts";

/**
 * Where troubles outlive this process, and not this boot. A convenience: what fails is logged, and
 * never thrown.
 */
export interface TroubleStore {
  /** What the last run of this boot kept; undefined: there was none, or nobody can read it. */
  load(bootId: string): Promise<KeptTroubles | undefined>;
  save(bootId: string, kept: KeptTroubles): Promise<void>;
  /**
   * How the last run of a process of ours ended, by whoever manages it: "killed by SIGKILL".
   * Undefined where that is not known, or was before `sinceMs`, wall clock. A read of memory.
   */
  lastEnd(process: OwnProcess, sinceMs: number): string | undefined;
}

export type OwnProcess = "gateway" | "control";

export interface KeptTroubles {
  readonly troubles: readonly Trouble[];
  /** The run that kept them came to its end; else it was cut off. */
  readonly endedInOrder: boolean;
}
