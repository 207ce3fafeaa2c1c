import type { Trace } from "../trace.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

/** What all stand-ins share. */
export interface Stage {
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly random: () => number;
}
