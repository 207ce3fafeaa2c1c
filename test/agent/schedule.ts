import * as fc from "fast-check";
import { KINDS } from "./happenings/all.ts";

/** One thing that happens, `afterMs` after the one before it. */
export interface Happening {
  readonly afterMs: number;
  /** A name in KINDS. */
  readonly is: string;
  readonly with: unknown;
}

/** What a simulated day brings. The same schedule is the same day, to the microsecond. */
export interface Schedule {
  /** Of jitter, and of all chance in the world. */
  readonly seed: number;
  readonly isEncrypted: boolean;
  readonly happenings: readonly Happening[];
}

const MOST_HAPPENINGS = 60;

/** Much happens in the same second as something else: that is where faults lie. */
const afterMs = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 900_000 }) },
);

/** @param without kinds that do not happen. */
export function schedules(without: readonly string[]): fc.Arbitrary<Schedule> {
  const kinds = Object.entries(KINDS).filter(([is]) => !without.includes(is));
  const happening = fc.oneof(
    ...kinds.map(([is, { weight, parameters }]) => ({
      weight,
      arbitrary: fc.record({ afterMs, is: fc.constant(is), with: parameters }),
    })),
  );
  return fc.record({
    seed: fc.integer({ min: 0, max: 0xffff }),
    isEncrypted: fc.boolean(),
    happenings: fc.array(happening, { maxLength: MOST_HAPPENINGS, size: "max" }),
  });
}

/** A line for each thing that happens, with the time since the machine started. */
export function tell({ seed, isEncrypted, happenings }: Schedule): string {
  let atMs = 0;
  const lines = happenings.map((one) => {
    atMs += one.afterMs;
    return `  ${clockTime(atMs)}  ${KINDS[one.is]?.tell(one.with) ?? one.is}`;
  });
  const first = `  ${clockTime(0)}  the machine boots, its cache ${isEncrypted ? "encrypted" : "plain"} (chance ${seed})`;
  return [first, ...lines].join("\n");
}

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
