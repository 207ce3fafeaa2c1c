import { FAULTS } from "./faults/all.ts";

/** What a person gave, as it was given. */
export interface GivenOptions {
  readonly minutes: string;
  readonly seed?: readonly string[];
  readonly without: readonly string[];
  readonly "shrink-minutes": string;
}

export interface ChaosOptions {
  /** One run each; undefined: one, of a seed that nobody chose. */
  readonly seeds: readonly number[] | undefined;
  readonly lengthMs: number;
  readonly without: readonly string[];
  /** For the search of a shorter schedule; 0: there is none. */
  readonly shrinkMs: number;
}

const MINUTE_MS = 60_000;
const SEEDS = 2 ** 31;
/** With less there is no time for a fault. */
const LEAST_MINUTES = 0.5;
const MOST_MINUTES = 24 * 60;

/** A string says what is not as it must be. */
export function readOptions(given: GivenOptions): ChaosOptions | string {
  const minutes = Number(given.minutes);
  if (!(minutes >= LEAST_MINUTES && minutes <= MOST_MINUTES))
    return `--minutes ${given.minutes}: from ${LEAST_MINUTES} to ${MOST_MINUTES}`;
  const seeds = given.seed?.map(Number);
  const bad = given.seed?.find((_, at) => !isSeed(seeds?.[at]));
  if (bad !== undefined) return `--seed ${bad}: a whole number from 0, below ${SEEDS}`;
  const unknown = given.without.find((is) => !(is in FAULTS));
  if (unknown !== undefined)
    return `--without ${unknown}: there is no such fault; there are ${Object.keys(FAULTS).join(", ")}`;
  const shrinkMinutes = Number(given["shrink-minutes"]);
  if (!(shrinkMinutes >= 0 && shrinkMinutes <= MOST_MINUTES))
    return `--shrink-minutes ${given["shrink-minutes"]}: from 0 to ${MOST_MINUTES}`;
  return {
    seeds,
    lengthMs: Math.round(minutes * MINUTE_MS),
    without: given.without,
    shrinkMs: shrinkMinutes * MINUTE_MS,
  };
}

function isSeed(seed: number | undefined): boolean {
  return seed !== undefined && Number.isSafeInteger(seed) && seed >= 0 && seed < SEEDS;
}
