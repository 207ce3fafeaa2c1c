import type { FigureId, Figures } from "../measures/figures.ts";
import { FIGURE_IDS } from "../measures/figures.ts";
import type { SubjectName } from "../subjects/subject.ts";

/** One raw figure. */
export interface Sample {
  /** From 1. */
  readonly round: number;
  readonly subject: SubjectName;
  readonly figure: FigureId;
  readonly value: number;
}

export function samplesOf(round: number, subject: SubjectName, figures: Figures): readonly Sample[] {
  return FIGURE_IDS.flatMap((figure) => {
    const value = figures[figure];
    return value === undefined ? [] : [{ round, subject, figure, value }];
  });
}
