import { FIGURES, type FigureId } from "../measures/figures.ts";
import type { SubjectName } from "../subjects/subject.ts";
import type { Sample } from "./sample.ts";

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const below = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (below + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The median over the rounds; undefined where the subject was not measured so. */
export function medianOf(samples: readonly Sample[], figure: FigureId, subject: SubjectName): number | undefined {
  const values = samples.filter((sample) => sample.figure === figure && sample.subject === subject);
  return values.length === 0 ? undefined : median(values.map(({ value }) => value));
}

/**
 * How our gateway stands to a peer: 1 is equal, below 1 is worse, whatever the figure's better end.
 * The median of each round's own ratio: what disturbed a round disturbed both.
 */
export function ratioTo(samples: readonly Sample[], figure: FigureId, peer: SubjectName): number | undefined {
  const ratios = samples
    .filter((sample) => sample.figure === figure && sample.subject === "gateway")
    .flatMap(({ round, value }) => {
      const other = samples.find((one) => one.figure === figure && one.subject === peer && one.round === round);
      if (other === undefined) return [];
      return [FIGURES[figure].better === "higher" ? value / other.value : other.value / value];
    });
  return ratios.length === 0 ? undefined : median(ratios);
}
