import type { Stage } from "../../stage/stage.ts";

/** One row: what goes wrong, by what it is brought about, and what an operator is then to see. */
export interface Cause {
  /** Completes "names it when …". */
  readonly what: string;
  /** The check that names it. */
  readonly check: string;
  /** It shows only by what does not come. */
  readonly isSilence?: true;
  readonly severity: "blocking" | "warning";
  /** Whether a build that is open is let in meanwhile; "nobody answers": there is no gateway. */
  readonly door: "open" | "closed" | "nobody answers";
  readonly says: RegExp;
  readonly remedy: RegExp;
  /** Words after `builder-agent` that the remedy names: they are run. */
  readonly command?: string;
  /** Checks that it explains: they fail as well, and are no causes of their own. */
  readonly explains?: readonly string[];
  /** As what it is remembered; default: that the check failed. */
  readonly troubles?: readonly string[];
  readonly bring: (stage: Stage) => Promise<unknown>;
  readonly mend: (stage: Stage) => Promise<unknown>;
}
