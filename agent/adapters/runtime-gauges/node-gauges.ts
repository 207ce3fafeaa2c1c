import { monitorEventLoopDelay } from "node:perf_hooks";
import type { RuntimeGauges } from "../../ports/runtime-gauges.ts";

/**
 * How often the loop's delay is sampled: fine enough for BuildKit's 5 s pings, and each sample
 * wakes an idle process.
 */
const RESOLUTION_MS = 100;

/** Node 24's, a quarter of the price of all threads' together; the types are Node 20's. */
const { threadCpuUsage }: NodeJS.Process & { threadCpuUsage?: () => NodeJS.CpuUsage } = process;

export function nodeGauges(): RuntimeGauges & Disposable {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  return {
    residentBytes: () => process.memoryUsage.rss(),
    processorMs: () => {
      const { user, system } = threadCpuUsage?.() ?? process.cpuUsage();
      return (user + system) / 1e3;
    },
    eventLoopDelayP99Ms: () => {
      // The histogram counts whole intervals, the sampling period included.
      const p99Ms = delays.count === 0 ? 0 : delays.percentile(99) / 1e6 - RESOLUTION_MS;
      delays.reset();
      return Math.max(0, p99Ms);
    },
    sampleDelay: (on) => {
      // Else the time without samples would count as one long delay.
      delays.reset();
      if (on) delays.enable();
      else delays.disable();
    },
    [Symbol.dispose]: () => {
      delays.disable();
    },
  };
}
