import type { Stage } from "../../journeys/stage/stage.ts";
import type { Outside } from "../outside.ts";

/** What may be named when something goes wrong on purpose. */
export interface FaultContext {
  readonly stage: Stage;
  readonly outside: Outside;
  /** Uniform in [0, 1): the schedule's, so that a replay draws the same. */
  readonly chance: () => number;
  /** Builds whose client runs now. */
  readonly running: () => readonly string[];
  /** Aborted when the run is cut short. */
  readonly signal: AbortSignal;
}

/** What was done, and how it is undone. */
export interface Brought {
  /** The only build that it concerns. */
  readonly target?: string;
  readonly mend: () => Promise<unknown>;
}

/**
 * What a fault touches. Those of one lane follow each other; those of two happen at the same time.
 */
export type Lane = "processes" | "plane" | "machine" | "builds" | "operator";

/** What a fault is, wherever it is brought. */
export interface FaultRow {
  /** From bringing to mending, least and most. */
  readonly holdsMs: readonly [number, number];
  /** For a person: "control is killed". */
  readonly what: string;
  /**
   * In which ways a build that runs into it may fail; none: no build may. `unaccepted`: the control
   * plane says that no machine took it; `refused:<code>`: a machine said why it does not;
   * `ending:<ending>`: its record says it; `no-session`: the gateway let nobody in;
   * `said:no-space`, `said:session-late`: BuildKit told the client.
   */
  readonly breaks: readonly string[];
}

export interface Fault extends FaultRow {
  readonly lane: Lane;
  /** How often it is drawn, beside the others of its lane. */
  readonly weight: number;
  bring(context: FaultContext): Promise<Brought>;
}

export const nothingToMend = { mend: async () => undefined };
