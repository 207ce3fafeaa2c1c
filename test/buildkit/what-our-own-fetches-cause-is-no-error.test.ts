import { beforeEach, expect, it } from "vitest";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

beforeEach(({ skip }) => {
  const why = whyNoBuildkit();
  if (why !== undefined) skip(why);
});

it("tells that what must not be reached was not reached at debug only, and a build's failure as an error", async () => {
  await using bench = await RealBuildkit.make();
  await bench.up();
  await bench.probe.reaches([], new AbortController().signal);
  const told = bench.log.lines.filter(({ event, data }) => event === "buildkit.log" && isOfSolve(data));
  expect(told.length).toBeGreaterThan(5);
  expect(new Set(told.map(({ level }) => level))).toEqual(new Set(["debug"]));

  const before = bench.log.lines.length;
  await bench.build(["ADD http://127.0.0.1:1/ /x"]).catch(() => undefined);
  const failed = bench.log.lines.slice(before).filter(({ data }) => isOfSolve(data));
  expect(failed.map(({ level }) => level)).toContain("error");
});

function isOfSolve(data: object): boolean {
  return "message" in data && String(data.message).includes("Control/Solve returned error");
}
