import { describe, expect, it } from "vitest";
import { BenchFailed, EX_USAGE } from "../../bench/failure.ts";
import { parseOptions } from "../../bench/options.ts";

describe("a wrong option is refused with exit code 64, and named", () => {
  it.each([
    { args: [], names: "gateway" },
    { args: ["volume"], names: "gateway" },
    { args: ["gateway", "--fast"], names: "--fast" },
    { args: ["gateway", "--rounds", "0"], names: '"0"' },
    { args: ["gateway", "--rounds", "many"], names: '"many"' },
    { args: ["gateway", "--only", "throughput,builds"], names: "builds" },
    { args: ["gateway", "--subjects", "envoy"], names: "envoy" },
    { args: ["gateway", "--quick", "--write-readme"], names: "--quick" },
  ])("$args", ({ args, names }) => {
    const failure = thrownBy(() => parseOptions(args));
    expect(failure).toBeInstanceOf(BenchFailed);
    expect(failure).toMatchObject({ exitCode: EX_USAGE });
    expect((failure as BenchFailed).message.split("\n")[0]).toContain(names);
  });
});

it("measures everything and everybody unless told otherwise", () => {
  const { groups, subjects } = parseOptions(["gateway"]);
  expect([...groups]).toEqual(["throughput", "round-trip", "handshakes", "sessions", "memory", "build"]);
  expect([...subjects]).toEqual(["gateway", "unjudged", "node20", "buildkitd", "haproxy", "nginx", "direct"]);
});

it("measures what it is told to, in its own order", () => {
  const { groups, effort } = parseOptions(["gateway", "--quick", "--rounds", "3", "--only", "build,throughput"]);
  expect([...groups]).toEqual(["throughput", "build"]);
  expect(effort.rounds).toBe(3);
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (failure) {
    return failure;
  }
  return undefined;
}
