import { aligned } from "../report/table.ts";
import type { Attaching } from "./phases/attaching.ts";
import type { FanOut } from "./phases/fan-out.ts";
import { type FleetResult, judgeBars } from "./result.ts";

/** What is printed: Markdown. */
export function fleetText(result: FleetResult): string {
  const { machine, startedAt, seconds, agents, processes, goneSeconds, steady, oneChange, outage, caChange } = result;
  const rows: readonly (readonly [string, string])[] = [
    ...attachingRows("burst", result.burst),
    ["idle: processor of an agent, % of a core", steady.agentCpuPercent.toFixed(3)],
    ["idle: processor of the plane, % of a core", steady.planeCpuPercent.toFixed(1)],
    ["memory of an agent, MB", steady.agentMemoryMb.toFixed(2)],
    ["memory of the plane, MB", steady.planeMemoryMb.toFixed(0)],
    ...fanOutRows("a change for one", oneChange),
    ["plane gone: tries of an agent a minute", outage.triesEachMinute.toFixed(1)],
    ...attachingRows("return", outage),
    ...fanOutRows("a new CA for all", caChange.overlap),
    ...fanOutRows("the old CA withdrawn for all", caChange.withdrawal),
    [`handshakes of builds on ${caChange.machinesWithBuilds} machines`, String(caChange.handshakes)],
    ["– failed", String(caChange.failedHandshakes)],
    ["– sessions interrupted", String(caChange.interruptedSessions)],
    ["– old certificates turned away at the end", String(caChange.turnedAway)],
    ["drain: until all have ended, s", result.drain.secondsToAllEnded.toFixed(1)],
  ];
  const bars = judgeBars(result).map(({ text, measured, holds }) => [
    text,
    Number.isInteger(measured) ? String(measured) : measured.toFixed(2),
    holds ? "holds" : "DOES NOT HOLD",
  ]);
  return [
    `Measured on ${startedAt.slice(0, 10)} in ${Math.round(seconds)} s: ${agents} agents in ${processes} processes, the plane gone for ${goneSeconds} s.`,
    `Machine: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node ${machine.node}, load average before ${machine.loadAverage.toFixed(1)}.`,
    "",
    aligned([["figure", "measured"], ...rows]),
    "",
    aligned([["bar", "measured", ""], ...bars]),
  ].join("\n");
}

function attachingRows(when: string, attaching: Attaching): readonly (readonly [string, string])[] {
  const { arrivals, secondsTo95Attached, secondsToAllReady, planeMsEach, agentMsEach } = attaching;
  return [
    [`${when}: 95 % attached, s`, secondsTo95Attached.toFixed(1)],
    [`${when}: all ready, s`, secondsToAllReady.toFixed(1)],
    [`– requests a second, mean`, arrivals.meanPerSecond.toFixed(1)],
    [`– peak, in ${arrivals.windowSeconds} s`, arrivals.peakPerSecond.toFixed(1)],
    ["– peak ÷ mean", arrivals.peakToMean.toFixed(2)],
    ["– processor of the plane, ms for each agent", planeMsEach.toFixed(1)],
    ["– processor of an agent, ms", agentMsEach.toFixed(1)],
  ];
}

function fanOutRows(what: string, { p50Ms, p99Ms }: FanOut): readonly (readonly [string, string])[] {
  return [
    [`${what}: in force, p50, ms`, p50Ms.toFixed(1)],
    ["– p99, ms", p99Ms.toFixed(1)],
  ];
}
