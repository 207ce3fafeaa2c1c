import * as fc from "fast-check";
import { fewest } from "./fewest.ts";
import { type Happening, type Schedule, schedules } from "./schedule.ts";

/** Whether a schedule still breaks the promise. */
type Breaks = (schedule: Schedule) => Promise<boolean>;

interface Timed {
  readonly atMs: number;
  readonly one: Happening;
}

/**
 * The shortest schedule that still breaks: first with as few happenings as can be, each at its own
 * time, then with the smallest numbers that fast-check finds. Ends at `isOver` with the best so
 * far.
 */
export async function shorten(schedule: Schedule, breaks: Breaks, isOver: () => boolean): Promise<Schedule> {
  const happenings = await fewest(
    timed(schedule.happenings),
    (rest) => breaks({ ...schedule, happenings: untimed(rest) }),
    isOver,
  );
  let best = await closest({ ...schedule, happenings: untimed(happenings) }, breaks, isOver);
  const property = fc.asyncProperty(schedules([]), async (smaller) => {
    if (isOver() || !(await breaks(smaller))) return true;
    best = smaller;
    return false;
  });
  await fc.check(property, { examples: [[best]], numRuns: 1, seed: 1 });
  return best;
}

/** Waits no longer between two than it takes. */
async function closest(schedule: Schedule, breaks: Breaks, isOver: () => boolean): Promise<Schedule> {
  let best = schedule;
  for (const index of schedule.happenings.keys()) {
    for (const afterMs of [0, 1_000, 15_000, 60_000]) {
      const happenings = best.happenings.map((one, at) => (at === index ? { ...one, afterMs } : one));
      if (isOver() || (best.happenings[index]?.afterMs ?? 0) <= afterMs) break;
      if (!(await breaks({ ...best, happenings }))) continue;
      best = { ...best, happenings };
      break;
    }
  }
  return best;
}

function timed(happenings: readonly Happening[]): readonly Timed[] {
  let atMs = 0;
  return happenings.map((one) => {
    atMs += one.afterMs;
    return { atMs, one };
  });
}

function untimed(happenings: readonly Timed[]): readonly Happening[] {
  return happenings.map(({ atMs, one }, index) => ({ ...one, afterMs: atMs - (happenings[index - 1]?.atMs ?? 0) }));
}
