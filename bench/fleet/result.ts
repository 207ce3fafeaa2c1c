import type { Attaching } from "./phases/attaching.ts";
import type { CaChange } from "./phases/ca-change.ts";
import type { Drained } from "./phases/drain.ts";
import type { FanOut } from "./phases/fan-out.ts";
import type { Outage } from "./phases/outage.ts";
import type { Steady } from "./phases/steady.ts";

/** All that a run found out. */
export interface FleetResult {
  readonly schemaVersion: 1;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly agents: number;
  readonly processes: number;
  readonly bootOverSeconds: number;
  readonly goneSeconds: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGb: number;
    readonly node: string;
    /** Of the minute before: more than a few tenths means that the machine was not ours alone. */
    readonly loadAverage: number;
  };
  readonly burst: Attaching;
  readonly steady: Steady;
  /** A change for one machine, while nothing else happens. */
  readonly oneChange: FanOut;
  readonly outage: Outage;
  readonly caChange: CaChange;
  readonly drain: Drained;
}

export interface JudgedBar {
  readonly text: string;
  readonly measured: number;
  readonly holds: boolean;
}

/** What a fleet has to keep to. */
export function judgeBars({ burst, steady, outage, caChange }: FleetResult): readonly JudgedBar[] {
  return [
    atMost("burst: peak of tries at most 3 times their mean", burst.tries.peakToMean, 3),
    atMost("return: peak of tries at most 3 times their mean", outage.tries.peakToMean, 3),
    atMost("return: 95 % attached within 120 s", outage.secondsTo95Attached, 120),
    atMost("idle: at most 0.3 % of a core for each agent", steady.agentCpuPercent, 0.3),
    atMost("change of CA: no failed handshake", caChange.failedHandshakes, 0),
    atMost("change of CA: no interrupted session", caChange.interruptedSessions, 0),
  ];
}

function atMost(text: string, measured: number, bar: number): JudgedBar {
  return { text, measured, holds: measured <= bar };
}

export function fleetJson(result: FleetResult): string {
  return `${JSON.stringify({ ...result, bars: judgeBars(result) }, null, 2)}\n`;
}
