import type { Log } from "../../agent/ports/log.ts";
import { examine, SETTLED_MS } from "./exam.ts";
import type { Fact, Moment } from "./facts.ts";
import { KINDS } from "./happenings/all.ts";
import { allInvariants } from "./invariants/all.ts";
import type { Schedule } from "./schedule.ts";
import { type Breach, type Invariant, Trace } from "./trace.ts";
import { SimulatedClock } from "./world/simulated-clock.ts";
import { World } from "./world/world.ts";

/**
 * The longest day. What is called a day is as much as happens to a machine in a bad week, up to
 * sixty happenings, at its full rate of ticks, without the silence in between: half an hour to
 * three hours of its time.
 */
const DAY_MS = 3 * 3_600_000;

export interface DayOptions {
  /** Only these; all where none is named. */
  readonly invariants?: readonly Invariant[];
  /** Ends no later than this after the boot: to shorten a schedule. */
  readonly atMostMs?: number;
  /** Only a breach whose words hold this ends the day. */
  readonly because?: string;
  /** Also when a promise was broken. */
  readonly goesOn?: boolean;
  readonly log?: Log;
  readonly onFact?: (fact: Fact, now: Moment) => void;
}

export interface Day {
  /** The first of each kind. */
  readonly breaches: readonly Breach[];
  readonly happened: number;
}

/**
 * Lets a schedule happen to a machine. Resolves at the first broken promise, unless `goesOn`, or
 * when the day is over.
 */
export async function simulateDay(schedule: Schedule, options: DayOptions = {}): Promise<Day> {
  const clock = new SimulatedClock();
  const trace = new Trace(
    () => clock.now,
    options.invariants ?? allInvariants(),
    (fact, now) => {
      world.hear(fact);
      options.onFact?.(fact, now);
    },
  );
  const { seed, isEncrypted } = schedule;
  const world = new World({ clock, trace, seed, isEncrypted, ...(options.log && { log: options.log }) });
  const beganMonoMs = clock.monoMs;
  const { endMs, happened } = plan(world, schedule);
  world.boot();
  const untilMs = beganMonoMs + Math.min(endMs, options.atMostMs ?? DAY_MS) + 1_000;
  await clock.run(
    untilMs,
    () => options.goesOn !== true && trace.isBroken(options.because ?? ""),
    () => world.passSecond(),
  );
  world.abandon();
  return { breaches: trace.breaches, happened };
}

/** Sets everything on its time; what would come too late in the day does not come. */
function plan(world: World, { happenings }: Schedule): { readonly endMs: number; readonly happened: number } {
  let atMs = 0;
  let happened = 0;
  let calmMs = 60_000;
  for (const { afterMs, is, with: parameters } of happenings) {
    atMs += afterMs;
    const kind = KINDS[is];
    if (kind === undefined || atMs > DAY_MS - SETTLED_MS) break;
    world.clock.at(atMs, () => kind.act(world, parameters));
    calmMs = Math.max(calmMs, atMs + kind.lastsMs(parameters) + 1_000);
    happened += 1;
  }
  calmMs = Math.min(calmMs, DAY_MS - SETTLED_MS);
  world.clock.at(calmMs, () => {
    world.calm();
    examine(world);
  });
  return { endMs: calmMs + SETTLED_MS, happened };
}
