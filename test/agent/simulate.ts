import * as fc from "fast-check";
import { allInvariants } from "./invariants/all.ts";
import { type Schedule, schedules } from "./schedule.ts";
import { shorten } from "./shorten.ts";
import { type DayOptions, simulateDay } from "./simulate-day.ts";
import { type Breach, kindOf } from "./trace.ts";

/** To shorten a schedule; the shortest that was found by then is shown. */
const SHORTEN_MS = 90_000;
/** A shorter schedule may break the promise a little later. */
const LATER_MS = 120_000;

export interface Chosen {
  /** Names of invariants. */
  readonly promises: readonly string[];
  /** Kinds of happenings that do not happen. */
  readonly without: readonly string[];
  /** Only breaches whose words hold this. */
  readonly because: string;
}

export interface Limits {
  /** The same seed brings the same days. */
  readonly seed: number;
  readonly days: number;
  /** Of real time. */
  readonly forMs: number;
}

export interface Found {
  readonly schedule: Schedule;
  readonly breach: Breach;
}

export interface Simulated {
  readonly days: number;
  readonly events: number;
  readonly found?: Found;
}

/** Simulates days until one breaks a promise, or the limits are reached. */
export async function simulate(chosen: Chosen, limits: Limits): Promise<Simulated> {
  let [days, events] = [0, 0];
  let found: Found | undefined;
  await eachDay(chosen, limits, async (schedule) => {
    const { breaches, happened } = await simulateDay(schedule, only(chosen));
    days += 1;
    events += happened;
    const breach = breaches.find(({ because }) => because.includes(chosen.because));
    if (breach !== undefined) found = { schedule, breach };
    return breach === undefined;
  });
  return { days, events, ...(found && { found }) };
}

export interface Surveyed {
  readonly first: Found;
  /** Counted from 1. */
  readonly firstDay: number;
  readonly days: number;
}

/** Simulates all days, whatever is broken, and says which kinds of breaches there were. */
export async function survey(chosen: Chosen, limits: Limits): Promise<readonly Surveyed[]> {
  const found = new Map<string, Surveyed>();
  let day = 0;
  await eachDay(chosen, limits, async (schedule) => {
    day += 1;
    const { breaches } = await simulateDay(schedule, { ...only(chosen), goesOn: true });
    for (const breach of breaches) {
      const { first, firstDay, days } = found.get(kindOf(breach)) ?? {
        first: { schedule, breach },
        firstDay: day,
        days: 0,
      };
      found.set(kindOf(breach), { first, firstDay, days: days + 1 });
    }
    return true;
  });
  return [...found.values()];
}

/** The shortest schedule that breaks the same promise, as far as it is found in time. */
export async function shortest({ schedule, breach }: Found, chosen: Chosen): Promise<Found> {
  const untilMs = performance.now() + SHORTEN_MS;
  let best: Found = { schedule, breach };
  const atMostMs = breach.afterBootMs + LATER_MS;
  await shorten(
    schedule,
    async (shorter) => {
      const day = await simulateDay(shorter, { ...only(chosen), atMostMs });
      const same = day.breaches.find(
        ({ invariant, because }) => invariant === breach.invariant && because.includes(chosen.because),
      );
      if (same !== undefined) best = { schedule: shorter, breach: same };
      return same !== undefined;
    },
    () => performance.now() >= untilMs,
  );
  return best;
}

async function eachDay(
  { without }: Chosen,
  { seed, days, forMs }: Limits,
  live: (schedule: Schedule) => Promise<boolean>,
): Promise<void> {
  const untilMs = performance.now() + forMs;
  const property = fc.asyncProperty(schedules(without), async (schedule) => {
    return performance.now() >= untilMs || (await live(schedule));
  });
  await fc.check(property, { seed, numRuns: days, endOnFailure: true });
}

function only({ promises, because }: Chosen): DayOptions {
  return { invariants: allInvariants().filter(({ name }) => promises.includes(name)), because };
}
