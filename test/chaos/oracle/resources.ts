import { moreOf } from "../descriptors.ts";
import type { Sample } from "../gauge.ts";
import type { Breach } from "../timeline.ts";

const BACK = "Memory and descriptors are back at their base line";
const LEVEL = "What a process holds does not grow with the builds that it has served";

/** What an idle process may hold more than at its base line: heaps are not given back at once. */
const MORE_KIB = 96 * 1_024;
const MORE_DESCRIPTORS = 12;
/** A slope needs so many samples in each third. */
const LEAST_IN_THIRD = 12;
/** Of one life, from the median of its first third to that of its last. */
const GROWS_KIB = 128 * 1_024;
const GROWS_DESCRIPTORS = 40;

/** Idle before, idle after. */
export function judgeBaseLine(before: readonly Sample[], after: readonly Sample[]): readonly Breach[] {
  return before.flatMap(({ name, rssKib, descriptors }) => {
    const now = after.find((sample) => sample.name === name);
    if (now === undefined) return [{ promise: BACK, because: `there is no ${name} any more` }];
    const because: string[] = [];
    if (now.rssKib > rssKib + MORE_KIB) because.push(`${name} holds ${now.rssKib} KiB; at first ${rssKib} KiB`);
    if (now.descriptors.length > descriptors.length + MORE_DESCRIPTORS)
      because.push(
        `${name} has ${now.descriptors.length} descriptors; at first ${descriptors.length}; more: ${moreOf(descriptors, now.descriptors)}`,
      );
    return because.map((why) => ({ promise: BACK, because: why }));
  });
}

/** Each life of a process that was long enough. */
export function judgeSlopes(samples: readonly Sample[]): readonly Breach[] {
  const pids = [...new Set(samples.map(({ pid }) => pid))];
  return pids.flatMap((pid) => {
    const life = samples.filter((sample) => sample.pid === pid);
    const third = Math.floor(life.length / 3);
    const name = life[0]?.name;
    if (third < LEAST_IN_THIRD || name === undefined) return [];
    const grown = (of: (sample: Sample) => number): number =>
      median(life.slice(-third).map(of)) - median(life.slice(0, third).map(of));
    const [kib, descriptors] = [grown(({ rssKib }) => rssKib), grown((sample) => sample.descriptors.length)];
    const because: string[] = [];
    if (kib > GROWS_KIB) because.push(`${name} (${pid}) grew by ${kib} KiB`);
    if (descriptors > GROWS_DESCRIPTORS) because.push(`${name} (${pid}) got ${descriptors} more descriptors`);
    return because.map((why) => ({ promise: LEVEL, because: why }));
  });
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
