import { z } from "zod";
import { chance } from "../agent/world/chance.ts";
import { FAULTS, faultOf, LANES } from "./faults/all.ts";
import type { Lane } from "./faults/fault.ts";

const planned = z.strictObject({
  /** After the start of the run. */
  atMs: z.number().int().nonnegative(),
  is: z.string(),
  holdsMs: z.number().int().nonnegative(),
  /** Of what it draws itself. */
  seed: z.number().int().nonnegative(),
});
const schema = z.strictObject({
  seed: z.number().int().nonnegative(),
  /** Builds go on for so long. */
  lengthMs: z.number().int().positive(),
  faults: z.array(planned).readonly(),
});

/** One fault that is going to be. */
export type PlannedFault = Readonly<z.infer<typeof planned>>;
/** What a run brings. The same schedule is the same faults at the same times; a machine is not. */
export type Schedule = Readonly<z.infer<typeof schema>>;

/** Before the first and after the last: what is judged is to have a beginning and an end. */
export const QUIET_MS = 5_000;
/** Between two of one lane. */
const LEAST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS: Readonly<Record<Lane, number>> = {
  processes: 25_000,
  plane: 30_000,
  machine: 45_000,
  builds: 20_000,
  operator: 30_000,
};

/** @param without names of faults that are not drawn. */
export function scheduleOf(seed: number, lengthMs: number, without: readonly string[] = []): Schedule {
  const draw = chance(seed);
  const faults = LANES.flatMap((lane) => inLane(lane, lengthMs, draw, without));
  return { seed, lengthMs, faults: faults.toSorted((one, other) => one.atMs - other.atMs) };
}

function inLane(lane: Lane, lengthMs: number, draw: () => number, without: readonly string[]): PlannedFault[] {
  const between = (least: number, most: number): number => Math.round(least + draw() * (most - least));
  const drawn: PlannedFault[] = [];
  let atMs = QUIET_MS;
  for (;;) {
    atMs += between(LEAST_PAUSE_MS, MOST_PAUSE_MS[lane]);
    const is = oneOf(lane, draw(), without);
    if (is === undefined) return drawn;
    const holdsMs = between(...faultOf(is).holdsMs);
    const seed = between(0, 2 ** 31);
    if (atMs + holdsMs > lengthMs - QUIET_MS) return drawn;
    drawn.push({ atMs, is, holdsMs, seed });
    atMs += holdsMs;
  }
}

function oneOf(lane: Lane, at: number, without: readonly string[]): string | undefined {
  const those = Object.entries(FAULTS).filter(([is, fault]) => fault.lane === lane && !without.includes(is));
  let left = at * those.reduce((sum, [, { weight }]) => sum + weight, 0);
  for (const [is, { weight }] of those) {
    left -= weight;
    if (left < 0) return is;
  }
  return undefined;
}

/** @throws {Error} naming the field that is not as it must be, or a fault that there is not. */
export function readSchedule(text: string): Schedule {
  const schedule = schema.parse(JSON.parse(text));
  for (const { is } of schedule.faults) faultOf(is);
  return schedule;
}

/** A line for each fault, with its time since the start of the run. */
export function tell({ faults }: Schedule): string {
  return faults
    .map(({ atMs, is, holdsMs }) => `  ${clockTime(atMs)}  ${faultOf(is).what}${heldFor(holdsMs)}`)
    .join("\n");
}

function heldFor(holdsMs: number): string {
  return holdsMs === 0 ? "" : ` (for ${(holdsMs / 1_000).toFixed(1)} s)`;
}

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 21);
}
