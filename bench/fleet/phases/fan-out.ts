import { percentile } from "../arrivals.ts";
import { monoMs } from "../crew/words.ts";
import { type Fleet, projectOf } from "../fleet.ts";

/** From a change at the control plane until a machine has it in force. */
export interface FanOut {
  readonly machines: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Makes a change that concerns these machines, and waits until each has it in force. */
export async function fanOut(
  { logbook }: Fleet,
  names: readonly string[],
  change: () => void | Promise<void>,
  signal: AbortSignal,
): Promise<FanOut> {
  return summed(await delays(logbook, names, change, signal));
}

/** A change for one machine after the other: nothing else happens meanwhile. */
export async function oneByOne(fleet: Fleet, names: readonly string[], signal: AbortSignal): Promise<FanOut> {
  const all: number[] = [];
  for (const name of names)
    all.push(...(await delays(fleet.logbook, [name], () => void fleet.plane.wish(projectOf(name), {}), signal)));
  return summed(all);
}

async function delays(
  logbook: Fleet["logbook"],
  names: readonly string[],
  change: () => void | Promise<void>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const before = new Map(names.map((name) => [name, logbook.revisionOf(name)]));
  const beganMs = monoMs();
  await change();
  const applied = (): readonly number[] =>
    [...before].flatMap(([name, revision]) => logbook.appliedAfter(name, revision) ?? []);
  await logbook.until(() => applied().length === names.length, signal);
  return applied().map((atMs) => atMs - beganMs);
}

function summed(all: readonly number[]): FanOut {
  return { machines: all.length, p50Ms: percentile(all, 0.5), p99Ms: percentile(all, 0.99) };
}
