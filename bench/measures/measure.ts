import type { Subject } from "../subjects/subject.ts";
import type { Figures, Group } from "./figures.ts";

/** One thing to do to every subject in every round. */
export interface Measure {
  readonly group: Group;
  readonly name: string;
  readonly behind: "far-end" | "buildkitd";
  run(subject: Subject, signal: AbortSignal): Promise<Figures>;
}
