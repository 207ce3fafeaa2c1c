import { monoMs } from "../crew/words.ts";
import { type Fleet, projectOf } from "../fleet.ts";

export interface Drained {
  readonly secondsToAllEnded: number;
}

const GRACE_MS = 1_000;

/** Every machine is told to drain, and ends in order. */
export async function drainAll({ plane, names, logbook }: Fleet, signal: AbortSignal): Promise<Drained> {
  const beganMs = monoMs();
  for (const name of names) plane.drain(projectOf(name), { reason: "the bench is over", graceMs: GRACE_MS });
  await logbook.until(() => logbook.ended.size === names.length, signal);
  return { secondsToAllEnded: (monoMs() - beganMs) / 1_000 };
}
