import { sameData } from "../core/equality.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlLink } from "../ports/control-link.ts";
import type { GatewayStats } from "../ports/gateway.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";
import type { Calls } from "./calls/calls.ts";
import type { Door } from "./door.ts";
import type { Reception } from "./reception.ts";
import type { Records } from "./records.ts";
import type { Refusals } from "./refusals.ts";
import type { Sessions } from "./sessions.ts";

export interface StatsSources {
  readonly link: Pick<ControlLink, "tell" | "faults">;
  readonly gauges: Pick<RuntimeGauges, "residentBytes" | "eventLoopDelayP99Ms">;
  readonly door: Pick<Door, "address">;
  readonly reception: Pick<Reception, "serving" | "pendingHandshakes">;
  readonly refusals: Pick<Refusals, "counts">;
  readonly records: Pick<Records, "dropped">;
  readonly sessions: Pick<Sessions, "stats">;
  readonly calls: Pick<Calls, "refused">;
  readonly droppedLogLines: () => number;
  readonly clock: Clock;
}

/** What no event changes: it is told with the rest, and is no reason to tell. */
type Gauges = Pick<GatewayStats, "residentBytes" | "eventLoopDelayP99Ms">;
type Counts = Omit<GatewayStats, keyof Gauges>;

/**
 * Told again after this though nothing was counted: control takes a gateway for hung that has said
 * nothing for some of these (adapters/link/client.ts).
 */
const AT_LEAST_EVERY_MS = 5_000;

/** Tells control what the gateway counts. */
export class Stats {
  readonly #from: StatsSources;
  #told: { readonly counts: Counts; readonly atMonoMs: number } | undefined;

  constructor(from: StatsSources) {
    this.#from = from;
  }

  tell(): void {
    const { link, gauges, clock } = this.#from;
    const counts = counted(this.#from);
    this.#told = { counts, atMonoMs: clock.now().monoMs };
    const [residentBytes, eventLoopDelayP99Ms] = [gauges.residentBytes(), gauges.eventLoopDelayP99Ms()];
    link.tell({ is: "stats", stats: { ...counts, residentBytes, eventLoopDelayP99Ms } });
  }

  /** The same only if there is something to tell. */
  tellNews(): void {
    const isOld = this.#told === undefined || this.#from.clock.now().monoMs - this.#told.atMonoMs >= AT_LEAST_EVERY_MS;
    if (isOld || !sameData(counted(this.#from), this.#told?.counts)) this.tell();
  }
}

function counted(from: StatsSources): Counts {
  const { address } = from.door;
  return {
    listening: address !== undefined && from.reception.serving,
    ...(address === undefined ? {} : { address }),
    refused: from.refusals.counts,
    refusedCalls: from.calls.refused,
    pendingHandshakes: from.reception.pendingHandshakes,
    ...from.sessions.stats,
    recordsDropped: from.records.dropped,
    linkFaults: from.link.faults,
    logLinesDropped: from.droppedLogLines(),
  };
}
