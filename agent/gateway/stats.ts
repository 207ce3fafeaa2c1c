import type { ControlLink } from "../ports/control-link.ts";
import type { GatewayStats } from "../ports/gateway.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";
import type { Door } from "./door.ts";
import type { Reception } from "./reception.ts";
import type { Records } from "./records.ts";
import type { Refusals } from "./refusals.ts";
import type { Sessions } from "./sessions.ts";

export interface StatsSources {
  readonly link: ControlLink;
  readonly gauges: RuntimeGauges;
  readonly door: Door;
  readonly reception: Reception;
  readonly refusals: Refusals;
  readonly records: Records;
  readonly sessions: Sessions;
}

export function gatewayStats(from: StatsSources): GatewayStats {
  const { address } = from.door;
  return {
    listening: address !== undefined && from.reception.serving,
    ...(address === undefined ? {} : { address }),
    refused: from.refusals.counts,
    pendingHandshakes: from.reception.pendingHandshakes,
    ...from.sessions.stats,
    residentBytes: from.gauges.residentBytes(),
    eventLoopDelayP99Ms: from.gauges.eventLoopDelayP99Ms(),
    recordsDropped: from.records.dropped,
    linkFaults: from.link.faults,
  };
}
