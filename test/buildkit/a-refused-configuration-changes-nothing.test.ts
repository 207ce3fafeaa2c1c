import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { dryRun } from "../../agent/adapters/buildkit/dry-run.ts";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();

describe("configuring a real buildkitd", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  it("keeps the old configuration when buildkitd refuses the new one, and gives its words", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    const before = await readFile(bench.configFile, "utf8");
    const bad = bench.toml().replace(/keepDuration = "48h"/, 'keepDuration = "never"');
    await expect(bench.unit.configure(bad, signal)).rejects.toMatchObject({
      code: "buildkit.config-refused",
      retryable: false,
      message: expect.stringContaining("invalid duration never") as string,
    });
    expect(await readFile(bench.configFile, "utf8")).toBe(before);
    await bench.probe.listWorkers(signal);
  });

  it.each([
    { what: "what is not TOML", spoil: () => "root = ", says: "not TOML" },
    { what: "the host's network", spoil: (toml: string) => toml.replace('"cni"', '"host"'), says: "networkMode" },
    {
      what: "an entitlement",
      spoil: (toml: string) =>
        toml.replace(/insecure-entitlements = \[ *\]/, 'insecure-entitlements = ["network.host"]'),
      says: "insecure-entitlements",
    },
  ])("refuses $what before buildkitd sees it", async ({ spoil, says }) => {
    await using bench = await RealBuildkit.make();
    const bad = spoil(bench.toml());
    expect(bad).not.toBe(bench.toml());
    await expect(bench.unit.configure(bad, signal)).rejects.toMatchObject({
      code: "buildkit.config-refused",
      message: expect.stringContaining(says) as string,
    });
  });

  it.each([
    { what: "a runc that is not there", from: /binary = ".*"/, to: 'binary = "/nowhere/runc"', says: "runc" },
    {
      what: "a CNI file that is not there",
      from: /cniConfigPath = ".*"/,
      to: 'cniConfigPath = "/nowhere/cni.conflist"',
      says: "cni",
    },
    {
      what: "a snapshotter that does not exist",
      from: /snapshotter = ".*"/,
      to: 'snapshotter = "none"',
      says: "snapshotter",
    },
  ])("finds $what in the dry run, before anything depends on it", async ({ from, to, says }) => {
    await using bench = await RealBuildkit.make();
    await bench.unit.configure(bench.toml(), signal);
    const candidate = `${bench.configFile}.test`;
    await writeFile(candidate, bench.toml());
    await dryRun(bench.binary, candidate, signal);
    await writeFile(candidate, bench.toml().replace(from, to));
    await expect(dryRun(bench.binary, candidate, signal)).rejects.toMatchObject({
      code: "buildkit.config-refused",
      message: expect.stringContaining(says) as string,
    });
    expect(await bench.remains()).toEqual([]);
  });

  it("takes new settings while a daemon runs, without touching it", async () => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    await bench.unit.configure(bench.toml({ maxParallelism: 2 }), signal);
    expect(await readFile(bench.configFile, "utf8")).toContain("max-parallelism = 2");
    expect(await bench.answering()).toEqual({ pid });
    expect((await stat(bench.configFile)).mode & 0o077).toBe(0);
  });

  it("does not try again what is already in force", async () => {
    await using bench = await RealBuildkit.make();
    await bench.unit.configure(bench.toml(), signal);
    const { mtimeNs } = await stat(bench.configFile, { bigint: true });
    await bench.unit.configure(bench.toml(), signal);
    expect((await stat(bench.configFile, { bigint: true })).mtimeNs).toBe(mtimeNs);
  });

  it("tells that there is no such daemon", async () => {
    await using bench = await RealBuildkit.make();
    await bench.unit.configure(bench.toml(), signal);
    const file = `${bench.dir}/not-a-program`;
    await writeFile(file, "plain text");
    await chmod(file, 0o644);
    await expect(dryRun(file, bench.configFile, signal)).rejects.toMatchObject({
      message: expect.stringContaining("not-a-program") as string,
    });
  });
});
