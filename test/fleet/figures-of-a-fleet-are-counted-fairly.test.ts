import { describe, expect, it } from "vitest";
import { BenchFailed, EX_USAGE } from "../../bench/failure.ts";
import { arrivals, percentile } from "../../bench/fleet/arrivals.ts";
import { extrapolate } from "../../bench/fleet/model.ts";
import { parseFleetOptions } from "../../bench/fleet/options.ts";
import { type FleetResult, fleetJson, judgeBars } from "../../bench/fleet/result.ts";
import { fleetText } from "../../bench/fleet/text.ts";

/** So many each second, evenly within it. */
const every = (perSecond: readonly number[]): readonly number[] =>
  perSecond.flatMap((count, second) => Array.from({ length: count }, (_, at) => second * 1_000 + (at * 1_000) / count));

describe("how evenly calls came", () => {
  it("is the fullest second against the mean until the end", () => {
    const counted = arrivals(every([60, 20, 20, 20]), 0, 4_000);
    expect(counted).toMatchObject({ calls: 120, seconds: 4, windowSeconds: 1, meanPerSecond: 30, peakPerSecond: 60 });
    expect(counted.peakToMean).toBe(2);
  });

  it("leaves out what came before, and who was late", () => {
    expect(arrivals([-1, 0, 500, 1_001], 0, 1_000)).toMatchObject({ calls: 2 });
  });

  it("looks at longer windows where few came: of a handful chance alone makes a peak", () => {
    const [many, few] = [
      arrivals(every([40, 40]), 0, 2_000),
      arrivals(every([2, 2, 2, 2, 2, 2, 2, 2, 2, 2]), 0, 10_000),
    ];
    expect([many.windowSeconds, few.windowSeconds]).toEqual([1, 10]);
    expect(few.peakToMean).toBe(1);
  });

  it("is nothing of nobody", () => {
    expect(arrivals([], 0, 1_000)).toMatchObject({ calls: 0, peakToMean: 0 });
    expect(percentile([], 0.5)).toBeNaN();
  });

  it.each([
    { share: 0.5, value: 2 },
    { share: 0.95, value: 4 },
    { share: 0, value: 1 },
  ])("the value that $share of all do not exceed is $value", ({ share, value }) => {
    expect(percentile([3, 1, 4, 2], share)).toBe(value);
  });
});

describe("a wrong option of the fleet's bench is named, with exit code 64", () => {
  it.each([
    { args: ["--agents", "0"], names: "--agents" },
    { args: ["--agents", "many"], names: '"many"' },
    { args: ["--processes", "17"], names: "--processes" },
    { args: ["--gone", "601"], names: "--gone" },
    { args: ["--steady", "1.5"], names: "--steady" },
    { args: ["--slow"], names: "--slow" },
  ])("$args", ({ args, names }) => {
    const failure = thrownBy(() => parseFleetOptions(args));
    expect(failure).toBeInstanceOf(BenchFailed);
    expect(failure).toMatchObject({ exitCode: EX_USAGE });
    expect(String(failure).split("\n")[0]).toContain(names);
  });
});

it("takes a thousand agents in a few processes, and a minute's outage, unless told otherwise", () => {
  expect(parseFleetOptions([])).toMatchObject({
    agents: 1_000,
    processes: 3,
    bootOverMs: 50_000,
    goneMs: 60_000,
    steadyMs: 30_000,
  });
  expect(parseFleetOptions(["--agents", "2", "--processes", "4"])).toMatchObject({ agents: 2, processes: 2 });
});

const SPREAD = { calls: 950, seconds: 45, windowSeconds: 1, peakPerSecond: 40, meanPerSecond: 21, peakToMean: 1.9 };
const CAME = { secondsTo95Attached: 45, secondsToAllReady: 60, requests: SPREAD, tries: SPREAD, agentMsEach: 10 };
const RESULT: FleetResult = {
  schemaVersion: 1,
  startedAt: "2026-01-01T00:00:00.000Z",
  seconds: 300,
  agents: 1_000,
  processes: 3,
  bootOverSeconds: 50,
  goneSeconds: 60,
  machine: { cpu: "a", cores: 2, memoryGb: 8, node: "20.20.2", loadAverage: 0 },
  burst: { ...CAME, planeMsEach: 20 },
  steady: { agentCpuPercent: 0.01, planeCpuPercent: 2, agentMemoryMb: 1, planeMemoryMb: 100 },
  oneChange: { machines: 100, p50Ms: 2, p99Ms: 5 },
  outage: { ...CAME, planeMsEach: 5, triesEachMinute: 9, msEachTry: 4 },
  caChange: {
    machinesWithBuilds: 100,
    overlap: { machines: 1_000, p50Ms: 500, p99Ms: 1_000 },
    withdrawal: { machines: 1_000, p50Ms: 500, p99Ms: 1_000 },
    handshakes: 500,
    failedHandshakes: 0,
    interruptedSessions: 0,
    turnedAway: 100,
  },
  drain: { secondsToAllEnded: 5 },
};

describe("a larger fleet", () => {
  it("costs in proportion, but comes back over the same time", () => {
    expect(extrapolate(RESULT, 100_000)).toMatchObject({
      idleCores: 2,
      memoryMb: 10_000,
      returnPeakPerSecond: 4_000,
      returnCores: 20,
      registrationCoreSeconds: 2_000,
    });
  });

  it("has as many planes as what needs the most of them, and that breaks first with fewer", () => {
    const { planesFor, planes, breaksFirst } = extrapolate(RESULT, 100_000);
    expect(planesFor).toEqual({ idle: 5, memory: 5, streams: 5, return: 29 });
    expect({ planes, breaksFirst }).toEqual({ planes: 29, breaksFirst: "return" });
    const idle = { ...RESULT, steady: { ...RESULT.steady, planeCpuPercent: 50 } };
    expect(extrapolate(idle, 100_000)).toMatchObject({ planes: 73, breaksFirst: "idle" });
  });
});

describe("the report", () => {
  it("says of each bar whether it holds", () => {
    expect(judgeBars(RESULT).every(({ holds }) => holds)).toBe(true);
    const stepped = { ...SPREAD, peakToMean: 3.01 };
    const broken = judgeBars({ ...RESULT, outage: { ...RESULT.outage, tries: stepped } });
    expect(broken.filter(({ holds }) => !holds).map(({ text }) => text)).toEqual([
      "return: peak of tries at most 3 times their mean",
    ]);
    expect(fleetText({ ...RESULT, outage: { ...RESULT.outage, tries: stepped } })).toContain("DOES NOT HOLD");
  });

  it("is a table, with what larger fleets would take, and JSON with all figures", () => {
    expect(fleetText(RESULT)).toMatch(/\| computed for agents +\| +10,000 \| +100,000 \|/);
    expect(JSON.parse(fleetJson(RESULT))).toMatchObject({ agents: 1_000, bars: judgeBars(RESULT) });
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (failure) {
    return failure;
  }
  return undefined;
}
