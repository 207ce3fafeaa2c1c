import { FIGURE_IDS, FIGURES, type Figure, type FigureId } from "../measures/figures.ts";
import { SUBJECT_NAMES } from "../subjects/subject.ts";
import { type JudgedAim, judgeAims } from "./aims.ts";
import type { MachineDescription } from "./machine.ts";
import type { Sample } from "./sample.ts";
import { medianOf, ratioTo } from "./statistics.ts";

/** All that a run found out. */
export interface BenchResult {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly quick: boolean;
  /** Of our gateway's Node. */
  readonly nodeFlags: readonly string[];
  /** How many counted. */
  readonly rounds: number;
  readonly machine: MachineDescription;
  readonly samples: readonly Sample[];
}

const SCHEMA_VERSION = 1;

interface SummaryLine extends Figure {
  readonly id: FigureId;
  /** By subject. */
  readonly medians: Readonly<Record<string, number>>;
  /** Our gateway to each other subject: below 1 is worse. */
  readonly ratios: Readonly<Record<string, number>>;
}

/**
 * The JSON file: the summary for whoever compares runs, the raw figures for whoever doubts them.
 */
export function toJson(result: BenchResult): string {
  const { samples, ...about } = result;
  const aims: readonly JudgedAim[] = judgeAims(samples);
  const summary: readonly SummaryLine[] = FIGURE_IDS.map((id) => ({
    id,
    ...FIGURES[id],
    medians: bySubject((name) => medianOf(samples, id, name)),
    ratios: bySubject((name) => (name === "gateway" ? undefined : ratioTo(samples, id, name))),
  })).filter(({ medians }) => Object.keys(medians).length > 0);
  return `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...about, aims, summary, samples }, null, 2)}\n`;
}

function bySubject(value: (name: (typeof SUBJECT_NAMES)[number]) => number | undefined): Record<string, number> {
  return Object.fromEntries(
    SUBJECT_NAMES.flatMap((name): [string, number][] => {
      const known = value(name);
      return known === undefined ? [] : [[name, known]];
    }),
  );
}
