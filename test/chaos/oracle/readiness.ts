import type { Breach, Timeline } from "../timeline.ts";
import { RECOVERED_MS } from "./windows.ts";

const PROMISE = "The machine is ready again soon after the last fault";

export function judgeReadiness({ readyMs, lastMendMs }: Timeline, recoveredMs = RECOVERED_MS): readonly Breach[] {
  if (readyMs === undefined) return [{ promise: PROMISE, because: "It never was" }];
  const tookMs = readyMs - lastMendMs;
  return tookMs <= recoveredMs
    ? []
    : [{ promise: PROMISE, because: `It took ${tookMs} ms, of at most ${recoveredMs}` }];
}
