import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { CacheKeeper } from "../../agent/adapters/buildkit/cache-keeper.ts";
import { Quarantine } from "../../agent/adapters/buildkit/quarantine.ts";
import type { UnitStatus } from "../../agent/ports/buildkit.ts";
import { DAMAGE } from "./damage.ts";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();

describe("the end of a real buildkitd", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  async function until(bench: RealBuildkit, at: UnitStatus["at"]): Promise<void> {
    for await (const status of bench.unit.statuses(AbortSignal.timeout(30_000))) if (status.at === at) return;
  }

  const report = async (bench: RealBuildkit): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(bench.preparedFile, "utf8")) as Record<string, unknown>;

  const mark = (bench: RealBuildkit): string => join(bench.cacheDir, "buildkit-in-use");

  it("in good order leaves no mark, and the next start checks nothing", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    expect(await report(bench)).toMatchObject({ schemaVersion: 1, lastEnd: "first", checked: [] });
    expect(existsSync(mark(bench))).toBe(true);
    await bench.unit.stop(10_000, signal);
    expect(existsSync(mark(bench))).toBe(false);
    await bench.unit.start(signal);
    expect(await report(bench)).toMatchObject({ lastEnd: "clean", checked: [] });
    expect((await stat(bench.preparedFile)).mode & 0o777).toBe(0o644);
  });

  it.each([
    { how: "by a kill", end: async (bench: RealBuildkit, pid: number) => void process.kill(pid, "SIGKILL") },
    {
      how: "by a crash of Go's runtime",
      end: async (_: RealBuildkit, pid: number) => void process.kill(pid, "SIGQUIT"),
    },
    {
      how: "by our own kill after the grace",
      end: (bench: RealBuildkit, pid: number) => {
        // It hears SIGTERM too late: else it sometimes ends well before it is killed.
        process.kill(pid, "SIGSTOP");
        return bench.unit.stop(0, signal);
      },
    },
  ])("$how leaves its mark, and the next start checks every database", async ({ end }) => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    await bench.build(['RUN ["/bin/busybox","true"]']);
    await end(bench, pid);
    await Promise.race([until(bench, "exited"), until(bench, "stopped")]);
    expect(existsSync(mark(bench))).toBe(true);
    await bench.unit.start(signal);
    const { lastEnd, checked } = await report(bench);
    expect(lastEnd).toBe("unclean");
    expect(checked).toHaveLength(5);
    expect((checked as { state: string }[]).every(({ state }) => state === "sound")).toBe(true);
  });

  it("that could not even start is unclean too: what kept it from starting is found at the next try", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    await bench.build(['RUN ["/bin/busybox","true"]']);
    await bench.unit.stop(10_000, signal);
    DAMAGE["all garbage"](join(bench.places.rootDir, "runc-overlayfs/containerdmeta.db"));
    await bench.unit.start(signal);
    await until(bench, "exited");
    await bench.unit.start(signal);
    await bench.answering();
    expect(await report(bench)).toMatchObject({ lastEnd: "unclean", quarantined: { what: "cache" } });
  });

  it("three times in a row by a crash soon after its start costs the cache, though its databases are sound", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    for (let crash = 0; crash < 3; crash += 1) {
      const { pid } = await bench.answering();
      process.kill(pid, "SIGQUIT");
      await until(bench, "exited");
      await bench.unit.start(signal);
    }
    await bench.answering();
    expect(await report(bench)).toMatchObject({
      quarantined: { what: "cache", because: expect.stringContaining("crashed 3 times") as string },
    });
  });

  it("is awaited: on a root that a buildkitd works on nothing is prepared", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    await expect(bench.cache.prepare(signal)).rejects.toMatchObject({ code: "buildkit.root-in-use", retryable: true });
  });

  it("is no reason to give up a cache that cannot be checked", async () => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    await bench.build(['RUN ["/bin/busybox","true"]']);
    process.kill(pid, "SIGKILL");
    await until(bench, "exited");
    const { cacheDir, preparedFile, places, log } = bench;
    const bootId = async () => bench.bootId;
    const blind = new CacheKeeper({ places, cacheDir, preparedFile, bbolt: "/nowhere/bbolt", bootId, log });
    const { checked, quarantined } = await blind.prepare(signal);
    expect(checked.map(({ state }) => state)).toEqual(Array(5).fill("unchecked"));
    expect(quarantined).toBeUndefined();
    expect(log.events()).toContain("buildkit.database-unchecked");
  });
});

describe("what was set aside", () => {
  it("is kept twice, without the layers", async ({ onTestFinished }) => {
    const dir = await mkdtemp(join(tmpdir(), "quarantine-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const quarantine = new Quarantine(join(dir, "quarantine"));
    await quarantine.open();
    const root = join(dir, "root");
    for (let time = 0; time < 4; time += 1) {
      await mkdir(join(root, "runc-overlayfs/snapshots/snapshots/1/fs"), { recursive: true });
      await writeFile(join(root, "runc-overlayfs/snapshots/snapshots/1/fs/layer"), "a layer");
      await writeFile(join(root, "cache.db"), "a database");
      await quarantine.takeRoot(root, ["cache.db", "history.db"], time * 1_000);
      expect(existsSync(root)).toBe(false);
    }
    await quarantine.sweep(signal);
    expect((await readdir(join(dir, "quarantine"), { recursive: true })).toSorted()).toEqual([
      "1970-01-01T00-00-02.000Z",
      "1970-01-01T00-00-02.000Z/cache.db",
      "1970-01-01T00-00-03.000Z",
      "1970-01-01T00-00-03.000Z/cache.db",
    ]);
  });
});
