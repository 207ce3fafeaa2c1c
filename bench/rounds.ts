import type { Effort } from "./measures/effort.ts";
import type { Figures } from "./measures/figures.ts";
import type { Measure } from "./measures/measure.ts";
import { type Sample, samplesOf } from "./report/sample.ts";
import type { Subject } from "./subjects/subject.ts";

export interface RoundsOptions {
  readonly measures: readonly Measure[];
  readonly lineups: Readonly<Record<Measure["behind"], readonly Subject[]>>;
  readonly effort: Pick<Effort, "rounds" | "budgetMs">;
  /** When the bench began, on performance.now()'s clock. */
  readonly startedMs: number;
  readonly signal: AbortSignal;
  readonly told: (round: number, measure: string, subject: Subject, figures: Figures) => void;
}

/**
 * Every measure, with every subject, in every round: what the machine does meanwhile meets all
 * alike. Who comes first moves on by one each round. A first pass that does not count warms
 * everybody up.
 */
export async function runRounds(options: RoundsOptions): Promise<readonly Sample[]> {
  const { measures, lineups, effort, startedMs, signal, told } = options;
  const samples: Sample[] = [];
  let longestMs = 0;
  for (let round = 0; round <= effort.rounds; round += 1) {
    const beganMs = performance.now();
    if (beganMs - startedMs + longestMs > effort.budgetMs) break;
    for (const measure of measures) {
      for (const subject of rotated(lineups[measure.behind], round)) {
        signal.throwIfAborted();
        if (round === 0) await warmUp(measure, subject, signal);
        const figures = await measure.run(subject, signal);
        told(round, measure.name, subject, figures);
        if (round > 0) samples.push(...samplesOf(round, subject.name, figures));
      }
    }
    longestMs = Math.max(longestMs, performance.now() - beganMs);
  }
  return samples;
}

async function warmUp(measure: Measure, subject: Subject, signal: AbortSignal): Promise<void> {
  for (let time = 0; time < (measure.warmUps ?? 0); time += 1) await measure.run(subject, signal);
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
