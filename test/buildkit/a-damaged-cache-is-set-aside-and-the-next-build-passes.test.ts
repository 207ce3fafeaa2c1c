import { randomUUID } from "node:crypto";
import { cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readPreparation } from "../../agent/adapters/buildkit/preparation-file.ts";
import type { Preparation, UnitStatus } from "../../agent/ports/buildkit.ts";
import { cutShort, DAMAGE, type Damage, tearLastTransaction } from "./damage.ts";
import { eventually, RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();
const WORKER = "runc-overlayfs";
const EXPENDABLE = ["cache.db", "history.db"];
const ESSENTIAL = ["metadata_v2.db", "containerdmeta.db", "snapshots/metadata.db"].map((name) => `${WORKER}/${name}`);
/** A step that is new each time, and leaves a line in a cache mount. */
function lines(): readonly string[] {
  return [`RUN --mount=type=cache,target=/c ["/bin/busybox","sh","-c","busybox echo ${randomUUID()} >> /c/runs"]`];
}

describe("after an unclean end", () => {
  let bench: RealBuildkit;
  let sound: string;

  beforeAll(async () => {
    if (whyNoBuildkit() !== undefined) return;
    bench = await RealBuildkit.make();
    sound = join(bench.dir, "sound");
    const { pid } = await bench.up();
    for (let build = 0; build < 3; build += 1) await bench.buildFromCache(lines());
    // A kill amid a commit would leave a damage of its own, beside the one that is made here.
    await atRest();
    await kill(pid);
    await cp(bench.places.rootDir, sound, { recursive: true, preserveTimestamps: true });
  });

  afterAll(async () => bench?.[Symbol.asyncDispose]());

  beforeEach(async ({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
    await rm(bench.cacheDir, { recursive: true });
    await cp(sound, bench.places.rootDir, { recursive: true });
    bench.log.lines.splice(0);
  });

  /** Waits until BuildKit has written to none of its databases for a second. */
  async function atRest(): Promise<void> {
    const written = (): Promise<readonly number[]> =>
      Promise.all(
        [...EXPENDABLE, ...ESSENTIAL].map(async (name) => (await stat(join(bench.places.rootDir, name))).mtimeMs),
      );
    let before: readonly number[] = [];
    await eventually(async () => {
      const last = before;
      await sleep(1_000);
      before = await written();
      return JSON.stringify(before) === JSON.stringify(last);
    }, "databases at rest");
  }

  async function kill(pid: number): Promise<void> {
    process.kill(pid, "SIGKILL");
    await until("exited");
  }

  async function until(at: UnitStatus["at"]): Promise<void> {
    for await (const status of bench.unit.statuses(AbortSignal.timeout(30_000))) if (status.at === at) return;
  }

  /** Starts, builds, and stops in good order. */
  async function nextBuild(): Promise<{ readonly runs: number; readonly prepared: Preparation }> {
    await bench.unit.start(signal);
    await bench.answering();
    await bench.buildFromCache(lines());
    await bench.unit.stop(10_000, signal);
    const prepared = await readPreparation(bench.preparedFile);
    if (prepared === undefined) throw new Error("There is no report");
    return { runs: await runsSeen(), prepared };
  }

  /**
   * Lines in all cache mounts together. BuildKit gives a build a second one while it measures the
   * first, so the number in one of them tells nothing.
   */
  async function runsSeen(): Promise<number> {
    const snapshots = join(bench.places.rootDir, WORKER, "snapshots/snapshots");
    const mounts = (await readdir(snapshots)).map((id) =>
      readFile(join(snapshots, id, "fs/runs"), "utf8").catch(() => ""),
    );
    return (await Promise.all(mounts)).join("").split("\n").length - 1;
  }

  it("finds a sound cache sound, keeps it, and says so", async () => {
    const { runs, prepared } = await nextBuild();
    expect(runs).toBe(4);
    expect(prepared).toMatchObject({ lastEnd: "unclean" });
    expect(prepared.checked.map(({ database, state }) => [database, state])).toEqual(
      [...EXPENDABLE, ...ESSENTIAL].map((database) => [database, "sound"]),
    );
    expect(prepared).not.toHaveProperty("quarantined");
  });

  it.each([
    { boot: "boot-1", runs: 4, what: undefined },
    { boot: "boot-0", runs: 1, what: "cache" },
  ])("of a run under kernel $boot, though sound, it sets aside: $what", async ({ boot, runs, what }) => {
    const mark = { startedAtMs: Date.now(), crashesInARow: 0, bootId: boot };
    await writeFile(join(bench.cacheDir, "buildkit-in-use"), JSON.stringify(mark));
    const next = await nextBuild();
    expect(next.runs).toBe(runs);
    expect(next.prepared.quarantined?.what).toBe(what);
  });

  const kinds = Object.keys(DAMAGE) as readonly Damage[];

  const seen = kinds.filter((damage) => damage !== "without a byte");

  it.each(EXPENDABLE.flatMap((database) => seen.map((damage) => ({ database, damage }))))(
    "$database $damage costs that database alone",
    async ({ database, damage }) => {
      DAMAGE[damage](join(bench.places.rootDir, database));
      const { runs, prepared } = await nextBuild();
      expect(runs).toBe(4);
      expect(prepared.quarantined).toMatchObject({
        what: "databases",
        because: expect.stringContaining(database) as string,
      });
      expect(await readdir(prepared.quarantined?.path ?? "")).toEqual([database]);
      expect(bench.log.events()).toContain("buildkit.cache-quarantined");
    },
  );

  it.each(EXPENDABLE)("%s without a byte costs nothing: BuildKit makes it anew", async (database) => {
    DAMAGE["without a byte"](join(bench.places.rootDir, database));
    const { runs, prepared } = await nextBuild();
    expect(runs).toBe(4);
    expect(prepared).not.toHaveProperty("quarantined");
  });

  it.each(ESSENTIAL.flatMap((database) => kinds.map((damage) => ({ database, damage }))))(
    "$database $damage costs the cache, and the databases are kept",
    async ({ database, damage }) => {
      DAMAGE[damage](join(bench.places.rootDir, database));
      const { runs, prepared } = await nextBuild();
      expect(runs).toBe(1);
      expect(prepared.quarantined).toMatchObject({
        what: "cache",
        because: expect.stringContaining(database) as string,
      });
      const kept = await readdir(prepared.quarantined?.path ?? "", { recursive: true });
      expect(kept).toEqual(expect.arrayContaining([...EXPENDABLE, ...ESSENTIAL]));
      expect(bench.log.events()).toContain("buildkit.cache-quarantined");
    },
  );

  it.each([...EXPENDABLE, ...ESSENTIAL])("%s cut short does not keep the next build from passing", async (database) => {
    cutShort(join(bench.places.rootDir, database));
    const { prepared } = await nextBuild();
    expect(prepared.quarantined?.because).toContain(database);
  });

  it.each([...EXPENDABLE, ...ESSENTIAL])("%s without its last transaction costs nothing", async (database) => {
    tearLastTransaction(join(bench.places.rootDir, database));
    const { prepared } = await nextBuild();
    expect(prepared).not.toHaveProperty("quarantined");
  });

  it("a database that went away costs the cache only if nobody else knows what is in it", async () => {
    await rm(join(bench.places.rootDir, "history.db"));
    expect((await nextBuild()).prepared).not.toHaveProperty("quarantined");
    await rm(join(bench.places.rootDir, `${WORKER}/containerdmeta.db`));
    await bench.cache.prepare(signal);
    const { runs, prepared } = await nextBuild();
    expect(prepared.quarantined?.because).toContain("containerdmeta.db");
    expect(runs).toBe(1);
  });
});
