import { describe, expect, it } from "vitest";
import type { FigureId } from "../../bench/measures/figures.ts";
import { judgeAims } from "../../bench/report/aims.ts";
import type { Sample } from "../../bench/report/sample.ts";
import { median, medianOf, ratioTo } from "../../bench/report/statistics.ts";
import type { SubjectName } from "../../bench/subjects/subject.ts";

/** One value a round, from round 1. */
function series(subject: SubjectName, figure: FigureId, ...values: readonly number[]): readonly Sample[] {
  return values.map((value, at) => ({ round: at + 1, subject, figure, value }));
}

describe("the median", () => {
  it.each([
    { of: [3], is: 3 },
    { of: [9, 1, 5], is: 5 },
    { of: [4, 1, 3, 2], is: 2.5 },
    { of: [1, 1, 1, 1_000], is: 1 },
  ])("of $of is $is", ({ of, is }) => {
    expect(median(of)).toBe(is);
  });

  it("is absent where a subject was not measured", () => {
    expect(medianOf(series("nginx", "bulkUp", 1), "bulkUp", "haproxy")).toBeUndefined();
  });
});

describe("a ratio below 1 means that our gateway is worse", () => {
  it.each([
    { figure: "bulkUp", ours: 400, peers: 800, ratio: 0.5 },
    { figure: "handshakes", ours: 900, peers: 600, ratio: 1.5 },
    { figure: "roundTripP50", ours: 200, peers: 100, ratio: 0.5 },
    { figure: "build", ours: 2, peers: 3, ratio: 1.5 },
    { figure: "idleResident", ours: 80, peers: 20, ratio: 0.25 },
  ] as const)("$figure: $ours to $peers → $ratio", ({ figure, ours, peers, ratio }) => {
    const samples = [...series("gateway", figure, ours), ...series("haproxy", figure, peers)];
    expect(ratioTo(samples, figure, "haproxy")).toBe(ratio);
  });

  it("compares within a round, so that a round on a busy machine does not count against one side", () => {
    const samples = [...series("gateway", "bulkUp", 90, 9, 90), ...series("haproxy", "bulkUp", 100, 10, 100)];
    expect(ratioTo(samples, "bulkUp", "haproxy")).toBeCloseTo(0.9);
  });

  it("leaves out a round that one side did not finish", () => {
    const samples = [...series("gateway", "bulkUp", 50, 1), ...series("haproxy", "bulkUp", 100)];
    expect(ratioTo(samples, "bulkUp", "haproxy")).toBe(0.5);
  });
});

describe("an aim is judged as it is written", () => {
  it.each([
    { name: "5 % slower than buildkitd is within 5 %", build: [2.1, 2.0], reached: true },
    { name: "6 % slower is not", build: [2.12, 2.0], reached: false },
    { name: "faster is", build: [1.9, 2.0], reached: true },
  ])("$name", ({ build: [ours = 0, theirs = 0], reached }) => {
    const samples = [...series("gateway", "build", ours), ...series("buildkitd", "build", theirs)];
    expect(judgeAims(samples)).toMatchObject([{ reached }]);
  });

  it.each([
    { resident: 74.9, reached: true },
    { resident: 75.1, reached: false },
  ])("$resident MB with 200 idle sessions: $reached", ({ resident, reached }) => {
    expect(judgeAims(series("gateway", "idleResident", resident))).toMatchObject([{ reached }]);
  });

  it("says nothing of what was not measured", () => {
    expect(judgeAims(series("haproxy", "bulkUp", 1))).toEqual([]);
  });
});
