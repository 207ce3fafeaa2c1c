import { setTimeout as sleep } from "node:timers/promises";
import { monoMs } from "../crew/words.ts";
import type { Fleet } from "../fleet.ts";
import { type Attaching, attaching } from "./attaching.ts";

export interface Outage extends Attaching {
  /** Calls that met nobody, for each machine and minute. */
  readonly triesEachMinute: number;
}

/** The control plane is gone as a crash takes it, and comes back on the same port. */
export async function outage(fleet: Fleet, goneMs: number, signal: AbortSignal): Promise<Outage> {
  const { transport } = fleet.plane;
  const beganMs = monoMs();
  transport.stopListening();
  transport.cutConnections();
  await sleep(goneMs, undefined, { signal });
  const goneUntilMs = monoMs();
  const back = await attaching(fleet, () => transport.listenAgain(), signal);
  const tries = fleet.logbook.calls(["Attach"], beganMs).filter(({ atMs }) => atMs < goneUntilMs).length;
  return { ...back, triesEachMinute: tries / fleet.names.length / (goneMs / 60_000) };
}
