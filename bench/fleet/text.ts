import { aligned } from "../report/table.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Extrapolated, extrapolate } from "./model.ts";
import type { Attaching } from "./phases/attaching.ts";
import type { FanOut } from "./phases/fan-out.ts";
import { type FleetResult, judgeBars } from "./result.ts";

const LARGER = [10_000, 100_000] as const;

/** What is printed: Markdown. */
export function fleetText(result: FleetResult): string {
  const {
    machine,
    startedAt,
    seconds,
    agents,
    processes,
    bootOverSeconds,
    goneSeconds,
    steady,
    oneChange,
    outage,
    caChange,
  } = result;
  const rows: readonly (readonly [string, string])[] = [
    ...attachingRows("burst", result.burst),
    ["idle: processor of an agent, % of a core", steady.agentCpuPercent.toFixed(3)],
    ["idle: processor of the plane, % of a core", steady.planeCpuPercent.toFixed(1)],
    ["memory of an agent, MB", steady.agentMemoryMb.toFixed(2)],
    ["memory of the plane, MB", steady.planeMemoryMb.toFixed(0)],
    ...fanOutRows("a change for one", oneChange),
    ["plane gone: tries of an agent a minute", outage.triesEachMinute.toFixed(1)],
    ["– processor of an agent for each, ms", outage.msEachTry.toFixed(1)],
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
    `Measured on ${startedAt.slice(0, 10)} in ${Math.round(seconds)} s: ${agents} agents in ${processes} processes, booted within ${bootOverSeconds} s, the plane gone for ${goneSeconds} s.`,
    `Machine: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node ${machine.node}, load average before ${machine.loadAverage.toFixed(1)}.`,
    "",
    aligned([["figure", "measured"], ...rows]),
    "",
    aligned([["bar", "measured", ""], ...bars]),
    "",
    modelTable(result),
  ].join("\n");
}

/** What the same would be for larger fleets, computed. */
function modelTable(result: FleetResult): string {
  const sizes = LARGER.map((agents) => extrapolate(result, agents));
  const row = (what: string, figure: (size: Extrapolated) => string): readonly string[] => [what, ...sizes.map(figure)];
  return aligned([
    row("computed for agents", ({ agents }) => agents.toLocaleString("en")),
    row("plane idle, cores", ({ idleCores }) => idleCores.toFixed(2)),
    row("plane's memory, MB", ({ memoryMb }) => memoryMb.toFixed(0)),
    row("renewals a second", ({ renewalsPerSecond }) => renewalsPerSecond.toFixed(1)),
    row("– cores", ({ renewalCores }) => renewalCores.toFixed(2)),
    row("return after an outage, peak a second", ({ returnPeakPerSecond }) => returnPeakPerSecond.toFixed(0)),
    row("– cores", ({ returnCores }) => returnCores.toFixed(2)),
    row("all register at once, core seconds", ({ registrationCoreSeconds }) => registrationCoreSeconds.toFixed(0)),
    row("planes of one core each", ({ planes }) => String(planes)),
    row("– breaks first with fewer", ({ breaksFirst }) => breaksFirst),
    row("a change for all, p99, s", ({ fanOutP99Seconds }) => fanOutP99Seconds.toFixed(2)),
  ]);
}

function attachingRows(when: string, attaching: Attaching): readonly (readonly [string, string])[] {
  const { requests, tries, secondsTo95Attached, secondsToAllReady, planeMsEach, agentMsEach } = attaching;
  return [
    [`${when}: 95 % attached, s`, secondsTo95Attached.toFixed(1)],
    [`${when}: all ready, s`, secondsToAllReady.toFixed(1)],
    ...arrivalRows("tries of agents", tries),
    ...arrivalRows("requests as the plane read them", requests),
    ["– processor of the plane, ms for each agent", planeMsEach.toFixed(1)],
    ["– processor of an agent, ms", agentMsEach.toFixed(1)],
  ];
}

function arrivalRows(
  what: string,
  { meanPerSecond, peakPerSecond, windowSeconds, peakToMean }: Arrivals,
): readonly (readonly [string, string])[] {
  return [
    [`– ${what}, a second, mean`, meanPerSecond.toFixed(1)],
    [`– peak, in ${windowSeconds} s`, peakPerSecond.toFixed(1)],
    ["– peak ÷ mean", peakToMean.toFixed(2)],
  ];
}

function fanOutRows(what: string, { p50Ms, p99Ms }: FanOut): readonly (readonly [string, string])[] {
  return [
    [`${what}: in force, p50, ms`, p50Ms.toFixed(1)],
    ["– p99, ms", p99Ms.toFixed(1)],
  ];
}
