import { setTimeout as sleep } from "node:timers/promises";
import { Branch } from "../../agent/lifecycle/branch.ts";
import { chance } from "../agent/world/chance.ts";
import type { Stage } from "../journeys/stage/stage.ts";
import { faultOf } from "./faults/all.ts";
import type { Outside } from "./outside.ts";
import type { PlannedFault, Schedule } from "./schedule.ts";
import type { FaultRun } from "./timeline.ts";

/** What a storm needs to know of the builds. */
export interface StormParts {
  readonly stage: Stage;
  readonly outside: Outside;
  readonly running: () => readonly string[];
  /** Told as it happens. */
  readonly said: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Stormed {
  readonly faults: readonly FaultRun[];
  /** What could not be brought or mended: then nothing more happens. */
  readonly failures: readonly unknown[];
}

/**
 * Brings each fault at its time, and mends it after its own; one whose lane is not yet mended
 * waits. Gives what was when.
 */
export async function storm({ faults }: Schedule, parts: StormParts): Promise<Stormed> {
  const startedMs = Date.now();
  const runs: FaultRun[] = [];
  const failures: unknown[] = [];
  const lanes = new Map<string, PlannedFault[]>();
  for (const fault of faults) {
    const { lane } = faultOf(fault.is);
    lanes.set(lane, [...(lanes.get(lane) ?? []), fault]);
  }
  // A machine that somebody has left broken is judged at once: what came later would say nothing.
  using lasts = new Branch(parts.signal);
  const { signal } = lasts;
  const along = async (those: readonly PlannedFault[]): Promise<void> => {
    for (const fault of those) {
      await sleep(Math.max(0, startedMs + fault.atMs - Date.now()), undefined, { signal });
      await one(fault, { ...parts, signal }, runs);
    }
  };
  const failed = (failure: unknown): void => {
    if (!signal.aborted || !isAbort(failure)) failures.push(failure);
    lasts.abort();
  };
  await Promise.all([...lanes.values()].map((those) => along(those).catch(failed)));
  return { faults: runs.toSorted((first, second) => first.beganMs - second.beganMs), failures };
}

function isAbort(failure: unknown): boolean {
  return failure instanceof Error && failure.name === "AbortError";
}

/** Also one that cannot be mended has been. */
async function one({ is, holdsMs, seed }: PlannedFault, parts: StormParts, runs: FaultRun[]): Promise<void> {
  const { said, signal, ...named } = parts;
  const fault = faultOf(is);
  const beganMs = Date.now();
  said(fault.what);
  const { target, mend } = await fault.bring({ ...named, signal, chance: chance(seed) });
  try {
    await sleep(holdsMs, undefined, { signal });
  } finally {
    try {
      await mend();
    } finally {
      runs.push({ is, beganMs, mendedMs: Date.now(), ...(target !== undefined && { target }) });
    }
  }
  if (holdsMs > 0) said(`no more: ${fault.what}`);
}
