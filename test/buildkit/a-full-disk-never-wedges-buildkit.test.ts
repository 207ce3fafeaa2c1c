import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { linuxMachine } from "../../agent/adapters/machine/linux-machine.ts";
import { relieveDisk } from "../../agent/control/relieve-disk.ts";
import type { HistoryOrder } from "../../agent/core/build-history.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import {
  DISK_FULL_BYTES,
  type DiskRelief,
  diskLevels,
  IDLE_RELIEF,
  inodeLevels,
  type PruneOrder,
} from "../../agent/core/disk-relief.ts";
import type { Resources } from "../../agent/core/machine.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildkitView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { listening, NO_METERS, NO_REPORT } from "../control/stand-ins.ts";
import { desiredState } from "../core/sample.ts";
import { KeptHistory } from "./kept-history.ts";
import { eventually, RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";
import { SmallDisk } from "./small-disk.ts";

const { signal } = new AbortController();
/** Of the history of builds that have ended, what no client has pinned. */
const ALL = { spareYoungest: 0, minAgeMs: 0, pinnedToo: false };
const DISK_MIB = 640;
const MIB = 1024 * 1024;

/** A step that leaves so much in the cache, and is new each time. */
function leaves(mebibytes: number): readonly string[] {
  const write = `busybox dd if=/dev/urandom of=/x bs=1M count=${mebibytes} 2>/dev/null; : ${randomUUID()}`;
  return [`RUN ["/bin/busybox","sh","-ec","${write}"]`];
}

/** A step that says so much, and is new each time. */
function says(mebibytes: number): readonly string[] {
  const say = `busybox yes ${"x".repeat(200)} | busybox head -c ${mebibytes}m; : ${randomUUID()}`;
  return [`RUN ["/bin/busybox","sh","-c","${say}"]`];
}

/** The least disk whose builds are refused as soon as it is low. */
const TINY_DISK_MIB = 480;

const INODES = 20_000;

/** A step that leaves so many files, empty ones, and is new each time. */
function leavesFiles(count: number): readonly string[] {
  const touch = `busybox mkdir /d; cd /d; busybox seq ${count} | busybox xargs busybox touch; : ${randomUUID()}`;
  return [`RUN ["/bin/busybox","sh","-ec","${touch}"]`];
}

describe("a cache on a small disk", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  /**
   * Control's chapter on a real daemon and a real disk; the disk is measured as in the agent, only
   * more often, and no build's history is so young that its client may still read it.
   */
  async function relieved(bench: RealBuildkit, work: (cells: ReturnType<typeof newCells>) => Promise<void>) {
    const cells = newCells();
    const stop = new AbortController();
    const machine = linuxMachine({ buildkitBinary: bench.binary });
    using buildkitCache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    const clock = systemClock();
    const measuring = (async () => {
      for (; !stop.signal.aborted; await clock.sleep(100, stop.signal))
        cells.resources.set(await machine.resources(bench.cacheDir));
    })();
    const cache = {
      prune: (order: PruneOrder, until: AbortSignal) => buildkitCache.prune(order, until),
      deleteHistory: (order: HistoryOrder, until: AbortSignal) =>
        buildkitCache.deleteHistory({ ...order, minAgeMs: 0 }, until),
    };
    const ports = { buildkitCache: cache, unit: bench.unit, meters: NO_METERS, clock, log: bench.log };
    const relieving = relieveDisk(ports, cells, NO_REPORT, stop.signal);
    try {
      await work(cells);
    } finally {
      stop.abort();
      await Promise.all([measuring, relieving]);
    }
  }

  function newCells() {
    return {
      desired: new Cell<DesiredState | undefined>(desiredState()),
      resources: new Cell<Resources | undefined>(undefined),
      buildkit: new Cell<BuildkitView>({ ...NO_BUILDKIT, at: "ready" }),
      gateway: listening(),
      phase: new Cell<Phase>({ at: "ready" }),
      relief: new Cell<DiskRelief>(IDLE_RELIEF),
    };
  }

  it("that builds fill until new ones would be refused is pruned, and takes builds again", async () => {
    await using bench = await RealBuildkit.make();
    const disk = bench.own(await SmallDisk.mount(bench.cacheDir, DISK_MIB));
    await bench.up();
    const { goalBytes } = diskLevels(DISK_MIB * MIB, 0);
    for (let build = 0; build < 4; build += 1) await bench.build(leaves(64));
    await bench.build(leaves(128));
    expect(disk.freeBytes()).toBeLessThan(DISK_FULL_BYTES);
    await relieved(bench, async () => {
      await eventually(() => disk.freeBytes() >= goalBytes, "pruned to the goal");
      await eventually(() => bench.log.events().includes("disk.relieved"), "told");
    });
    expect(bench.log.lines.find(({ event }) => event === "disk.relieved")?.data).toMatchObject({ ended: "pruned" });
    await bench.build(leaves(64));
  });

  it("whose inodes builds use up is pruned, and takes builds again", async () => {
    await using bench = await RealBuildkit.make();
    const disk = bench.own(await SmallDisk.mount(bench.cacheDir, DISK_MIB, INODES));
    await bench.up();
    const { fullInodes, lowInodes } = inodeLevels(INODES);
    const files = Math.floor(INODES / 6);
    while (disk.freeInodes() > files) await bench.build(leavesFiles(files));
    await bench.build(leavesFiles(disk.freeInodes() - Math.floor(fullInodes / 2)));
    expect(disk.freeInodes()).toBeLessThan(fullInodes);
    await relieved(bench, async () => {
      await eventually(() => disk.freeInodes() >= lowInodes, "pruned");
      await eventually(() => bench.log.events().includes("disk.relieved"), "told");
    });
    await bench.build(leavesFiles(100));
  });

  it("whose history of builds is what fills it has that deleted, also where clients have looked, and takes builds again", async () => {
    await using bench = await RealBuildkit.make();
    const disk = bench.own(await SmallDisk.mount(bench.cacheDir, TINY_DISK_MIB));
    await bench.up();
    const history = bench.own(new KeptHistory(bench.places));
    for (let build = 0; build < 3; build += 1) await bench.build(says(4), ["--progress", "quiet"]);
    const [pinned = "", looked = "", other = ""] = await history.refs();
    await history.pin(pinned);
    expect(await history.look(looked)).toEqual([looked]);
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    await cache.prune({ minFreeBytes: 2 ** 40, all: true }, signal);
    disk.fill(DISK_FULL_BYTES - 2 * MIB);
    await relieved(bench, async () => {
      await eventually(() => bench.log.events().includes("disk.relieved"), "told");
    });
    expect(await history.refs()).toEqual([pinned]);
    expect(bench.log.lines.find(({ event }) => event === "buildkit.history-deleted")?.data).toMatchObject({
      records: 2,
    });
    expect(await history.look(other)).toEqual([]);
    expect(disk.freeBytes()).toBeGreaterThan(DISK_FULL_BYTES + 4 * MIB);
    await bench.build(leaves(1));
  });

  it("has no file of a build left once its history is deleted, but for those of one that runs, and of a pinned one until it may not stay either", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    const history = bench.own(new KeptHistory(bench.places));
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    await bench.build(leaves(1));
    const [pinned = ""] = await history.refs();
    await history.pin(pinned);
    for (let build = 0; build < 4; build += 1) await bench.build(leaves(1));
    const all = await history.refs();
    for (const ref of all.slice(0, 3)) await history.look(ref);
    const building = bench.build(['RUN ["/bin/busybox","sh","-c","busybox sleep 2; busybox echo still here"]']);
    await eventually(async () => (await history.refs()).length === all.length + 1, "a build runs");
    expect(await cache.deleteHistory({ ...ALL, spareYoungest: 1 }, signal)).toEqual({ records: 3 });
    expect(await building).toContain("still here");
    expect(await history.refs()).toHaveLength(3);
    expect(await cache.deleteHistory({ ...ALL, minAgeMs: 60_000 }, signal)).toEqual({ records: 0 });
    expect(await cache.deleteHistory(ALL, signal)).toEqual({ records: 2 });
    expect(await history.refs()).toEqual([pinned]);
    // Of the pinned one a log, an attestation and a trace.
    await eventually(async () => {
      await cache.prune({ minFreeBytes: 1, all: false }, signal);
      return (await history.blobs()) <= 3;
    }, "only the pinned build's files are there");
    await bench.unit.stop(10_000, signal);
    await bench.unit.start(signal);
    await bench.answering();
    expect(await history.refs()).toEqual([pinned]);
    expect(await cache.deleteHistory({ ...ALL, pinnedToo: true }, signal)).toEqual({ records: 1 });
    await eventually(async () => {
      await cache.prune({ minFreeBytes: 1, all: false }, signal);
      return (await history.blobs()) === 0;
    }, "no build's file is there");
  });

  it("without a free byte starts all the same, on a piece of its reserve, and prunes and builds", async () => {
    await using bench = await RealBuildkit.make();
    const disk = bench.own(await SmallDisk.mount(bench.cacheDir, DISK_MIB));
    await bench.up();
    for (let build = 0; build < 3; build += 1) await bench.build(leaves(64));
    disk.fill();
    await expect(bench.build(leaves(1))).rejects.toThrow("no space left");
    await bench.unit.stop(10_000, signal);
    disk.fill();
    expect(disk.freeBytes()).toBe(0);
    await bench.unit.start(signal);
    await bench.answering();
    expect(bench.log.events()).toContain("buildkit.disk-reserve-used");
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    const { records, freedBytes } = await cache.prune({ minFreeBytes: 100 * MIB, all: true }, signal);
    expect(records).toBeGreaterThan(0);
    expect(freedBytes).toBeGreaterThan(64 * MIB);
    await bench.build(leaves(16));
  });

  it("without a free byte and without a reserve starts empty, and has its space back", async () => {
    await using bench = await RealBuildkit.make();
    const disk = bench.own(await SmallDisk.mount(bench.cacheDir, DISK_MIB));
    await bench.up();
    for (let build = 0; build < 2; build += 1) await bench.build(leaves(64));
    await bench.unit.stop(10_000, signal);
    // Each start on a full disk uses up a piece; nothing is pruned in between.
    for (let start = 0; start < 5; start += 1) {
      disk.fill();
      await bench.cache.prepare(signal);
    }
    expect(bench.log.events()).toContain("buildkit.cache-quarantined");
    await bench.cache.sweep(signal);
    expect(disk.freeBytes()).toBeGreaterThan(128 * MIB);
    await bench.unit.start(signal);
    await bench.answering();
    await bench.build(leaves(16));
  });

  it("keeps what a running build uses when everything is pruned", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    const building = bench.build(['RUN ["/bin/busybox","sh","-c","busybox sleep 2; busybox echo still here"]']);
    await eventually(
      async () => (await cache.prune({ minFreeBytes: 2 ** 50, all: true }, signal)).records > 0,
      "pruned",
    );
    expect(await building).toContain("still here");
  });

  it("is not pruned by a daemon that is gone, and says so", async () => {
    await using bench = await RealBuildkit.make();
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.dir);
    await expect(cache.prune({ minFreeBytes: 1, all: false }, signal)).rejects.toMatchObject({
      code: "buildkit.no-answer",
      retryable: true,
    });
    const reason = new Error("enough");
    await expect(cache.prune({ minFreeBytes: 1, all: false }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
