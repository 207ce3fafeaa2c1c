import { setTimeout as sleep } from "node:timers/promises";
import { monoMs } from "../crew/words.ts";
import type { Fleet } from "../fleet.ts";
import { type Attaching, attaching } from "./attaching.ts";
import { Processor } from "./processor.ts";

export interface Outage extends Attaching {
  /** Calls that met nobody, for each machine and minute. */
  readonly triesEachMinute: number;
  /** Processor time of an agent for each of them. */
  readonly msEachTry: number;
}

/** The control plane is gone as a crash takes it, and comes back on the same port. */
export async function outage(fleet: Fleet, goneMs: number, signal: AbortSignal): Promise<Outage> {
  const { transport } = fleet.plane;
  const processor = await Processor.begin(fleet);
  const beganMs = monoMs();
  transport.stopListening();
  transport.cutConnections();
  await sleep(goneMs, undefined, { signal });
  const spent = await processor.spent();
  const goneUntilMs = monoMs();
  const back = await attaching(fleet, () => transport.listenAgain(), signal);
  const tries = fleet.logbook.calls(["Attach"], beganMs).filter(({ atMs }) => atMs < goneUntilMs).length;
  return {
    ...back,
    triesEachMinute: tries / fleet.names.length / (goneMs / 60_000),
    msEachTry: tries === 0 ? 0 : (spent.agents * 1_000) / tries,
  };
}
