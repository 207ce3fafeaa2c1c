import type { Subject } from "../subjects/subject.ts";
import type { Figures, Group } from "./figures.ts";

/** One thing to do to every subject in every round. */
export interface Measure {
  readonly group: Group;
  readonly name: string;
  readonly behind: "far-end" | "buildkitd";
  /** How often it is done before the first pass, which does not count either; 0 if absent. */
  readonly warmUps?: number;
  run(subject: Subject, signal: AbortSignal): Promise<Figures>;
}
