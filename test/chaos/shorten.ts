import { fewest } from "../agent/fewest.ts";
import { type PlannedFault, QUIET_MS, type Schedule } from "./schedule.ts";

/** What a fault may do after it is over, and a build that runs into it. */
const AFTERMATH_MS = 20_000;

/** Whether a schedule still breaks the same promise: a run of it. */
export type Breaks = (schedule: Schedule) => Promise<boolean>;

/**
 * The shortest schedule that still breaks, as far as it is found until `isOver`: with as few faults
 * as can be, the same times between them, and no more quiet at both ends than a run needs.
 */
export async function shorten(schedule: Schedule, breaks: Breaks, isOver: () => boolean): Promise<Schedule> {
  const tried = (faults: readonly PlannedFault[]): Promise<boolean> => breaks(trimmed(schedule, faults));
  const kept = await fewest(schedule.faults, tried, isOver);
  return kept.length < schedule.faults.length ? trimmed(schedule, kept) : schedule;
}

function trimmed(schedule: Schedule, faults: readonly PlannedFault[]): Schedule {
  const aheadMs = Math.max(0, (faults[0]?.atMs ?? QUIET_MS) - QUIET_MS);
  const earlier = faults.map((fault) => ({ ...fault, atMs: fault.atMs - aheadMs }));
  const lastMs = Math.max(QUIET_MS, ...earlier.map(({ atMs, holdsMs }) => atMs + holdsMs));
  return { ...schedule, lengthMs: Math.min(schedule.lengthMs, lastMs + AFTERMATH_MS), faults: earlier };
}
