import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "../../process/usage.ts";
import type { Fleet } from "../fleet.ts";
import { Processor, residentOfAll } from "./processor.ts";

/** What a fleet costs that has nothing to do. */
export interface Steady {
  /** Of one core. */
  readonly agentCpuPercent: number;
  readonly planeCpuPercent: number;
  readonly agentMemoryMb: number;
  readonly planeMemoryMb: number;
}

/** Without anything of the burst in it: garbage, sockets that close. */
const SETTLE_MS = 5_000;

/** @param empty resident memory of the same processes before they had a machine. */
export async function steady(
  fleet: Fleet,
  empty: { readonly agents: number; readonly plane: number },
  forMs: number,
  signal: AbortSignal,
): Promise<Steady> {
  await sleep(SETTLE_MS, undefined, { signal });
  const processor = await Processor.begin(fleet);
  await sleep(forMs, undefined, { signal });
  const spent = await processor.spent();
  const size = fleet.names.length;
  const percent = (seconds: number): number => (seconds * 100_000) / forMs;
  return {
    agentCpuPercent: percent(spent.agents) / size,
    planeCpuPercent: percent(spent.plane),
    agentMemoryMb: ((await residentOfAll(fleet)) - empty.agents) / size / 1e6,
    planeMemoryMb: ((await residentBytes(process.pid)) - empty.plane) / 1e6,
  };
}
