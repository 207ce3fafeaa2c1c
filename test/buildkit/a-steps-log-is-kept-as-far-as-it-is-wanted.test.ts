import { beforeEach, describe, expect, it } from "vitest";
import type { BuildkitSettings } from "../../agent/core/desired-state.ts";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();
const KIB = 1024;

/** 258 KiB at once: more than BuildKit by itself lets through in a second. */
const CHATTY = ['RUN ["/bin/busybox", "seq", "45000"]'];

describe("what a step writes to its log", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  async function told(settings: Partial<BuildkitSettings>): Promise<string> {
    await using bench = await RealBuildkit.make();
    await bench.unit.configure(bench.toml(settings), signal);
    await bench.unit.start(signal);
    await bench.probeUntilAnswer();
    return await bench.build(CHATTY);
  }

  it("arrives whole where nothing is set", async () => {
    const log = await told({});
    expect(log).not.toContain("output clipped");
    expect(log).toMatch(/ 45000$/m);
  });

  it.each([
    { what: "a size", settings: { stepLogMaxBytes: 64 * KIB }, limit: "64KiB" },
    { what: "a speed", settings: { stepLogMaxBytesPerSecond: 128 * KIB }, limit: "128KiB/s" },
  ])("is clipped at $what that is set, and says so", async ({ settings, limit }) => {
    expect(await told(settings)).toContain(`[output clipped, log limit ${limit} reached]`);
  });
});
