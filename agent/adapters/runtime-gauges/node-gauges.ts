import { monitorEventLoopDelay } from "node:perf_hooks";
import type { RuntimeGauges } from "../../ports/runtime-gauges.ts";

/** How often the loop's delay is sampled: fine enough for BuildKit's 5 s pings, coarse enough to cost nothing. */
const RESOLUTION_MS = 20;

/** Samples this process from the moment of the call. */
export function nodeGauges(): RuntimeGauges & Disposable {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return {
    residentBytes: () => process.memoryUsage.rss(),
    eventLoopDelayP99Ms: () => {
      // The histogram counts whole intervals, the sampling period included.
      const p99Ms = delays.count === 0 ? 0 : delays.percentile(99) / 1e6 - RESOLUTION_MS;
      delays.reset();
      return Math.max(0, p99Ms);
    },
    [Symbol.dispose]: () => {
      delays.disable();
    },
  };
}
