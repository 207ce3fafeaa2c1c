import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DISK_FULL_BYTES,
  diskLevels,
  inodeLevels,
  nextRelief,
  type ReliefEnd,
  type ReliefPast,
} from "../../agent/core/disk-relief.ts";

const GB = 1e9;
const MIB = 1024 * 1024;

describe("the levels of a disk", () => {
  it.each([
    { size: 100 * GB, wanted: 0, low: 5 * GB, goal: 10 * GB },
    { size: 100 * GB, wanted: 2 * GB, low: 2 * GB, goal: 2 * GB },
    { size: 100 * GB, wanted: 30 * GB, low: 5 * GB, goal: 30 * GB },
    { size: 2_000 * MIB, wanted: 0, low: 512 * MIB, goal: 768 * MIB },
    { size: 640 * MIB, wanted: 0, low: 320 * MIB, goal: 480 * MIB },
  ])("of $size bytes, $wanted wanted: low below $low, pruned to $goal", ({ size, wanted, low, goal }) => {
    expect(diskLevels(size, wanted)).toEqual({ fullBytes: DISK_FULL_BYTES, lowBytes: low, goalBytes: goal });
  });

  it("are in order for any disk and any wish", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (size, wanted) => {
        const { fullBytes, lowBytes, goalBytes } = diskLevels(size, wanted);
        expect(fullBytes).toBeLessThanOrEqual(lowBytes);
        expect(lowBytes).toBeLessThanOrEqual(goalBytes);
      }),
    );
  });
});

it.each([
  { inodes: 0, levels: { fullInodes: 0, lowInodes: 0 } },
  { inodes: 20_000, levels: { fullInodes: 1_000, lowInodes: 2_000 } },
  { inodes: 6_500_000, levels: { fullInodes: 32_768, lowInodes: 325_000 } },
])("of $inodes inodes some are kept free", ({ inodes, levels }) => {
  expect(inodeLevels(inodes)).toEqual(levels);
});

describe("space that runs out", () => {
  const levels = { fullBytes: 100, lowBytes: 200, goalBytes: 300, fullInodes: 10, lowInodes: 20 };
  const after = (fruitless: number, ended: ReliefEnd): ReliefPast => ({
    fruitless,
    last: { endedAtMonoMs: 1_000, ended },
  });
  const gentle = { do: "prune", order: { minFreeBytes: 300, all: false } };
  const quarter = { do: "prune", order: { minFreeBytes: 700, all: false } };
  const whole = { do: "prune", order: { minFreeBytes: 300, all: true } };
  const history = (spareYoungest: number, pinnedToo = false) => ({
    do: "delete-history",
    order: { spareYoungest, minAgeMs: 60_000, pinnedToo },
  });
  const [oldHistory, allHistory, pinnedHistory] = [history(50), history(0), history(0, true)];

  it.each<{ free: number; past: ReliefPast; nowMonoMs?: number; isIdle?: boolean; step: object; why: string }>([
    { free: 200, past: { fruitless: 0 }, step: { do: "nothing" }, why: "there is enough" },
    { free: 200, past: after(3, "failed"), step: { do: "nothing" }, why: "there is enough again" },
    { free: 199, past: { fruitless: 0 }, step: gentle, why: "low: the oldest goes" },
    { free: 99, past: { fruitless: 0 }, step: gentle, why: "full: the oldest goes first all the same" },
    { free: 150, past: after(1, "pruned"), step: oldHistory, why: "pruning did not help: the oldest history goes" },
    { free: 99, past: after(1, "pruned"), step: oldHistory, why: "still full: the oldest history goes first" },
    { free: 99, past: after(2, "pruned"), step: allHistory, why: "nothing else is left to delete: all history goes" },
    {
      free: 99,
      past: after(3, "pruned"),
      step: pinnedHistory,
      why: "that was too little: not even pinned history stays",
    },
    { free: 150, past: after(9, "pruned"), step: oldHistory, why: "low, not full: the youngest history stays" },
    { free: 99, past: after(1, "history-deleted"), step: whole, why: "still full: everything that no build uses" },
    { free: 99, past: after(9, "history-deleted"), step: whole, why: "as long as there is history: no pause" },
    { free: 99, past: after(1, "no-history"), step: whole, why: "no history: everything that no build uses, at once" },
    { free: 150, past: after(1, "no-history"), step: { do: "wait", ms: 15_000 }, why: "low, not full: no hurry" },
    { free: 99, past: after(2, "no-history"), step: { do: "wait", ms: 30_000 }, why: "that did not help either" },
    { free: 99, past: after(30, "no-history"), step: { do: "wait", ms: 300_000 }, why: "no longer than 5 min" },
    { free: 99, past: after(2, "no-history"), nowMonoMs: 31_000, step: whole, why: "again after the pause" },
    { free: 99, past: after(1, "failed"), step: { do: "wait", ms: 15_000 }, why: "a failure is not repeated at once" },
    { free: 99, past: after(1, "history-failed"), step: { do: "wait", ms: 15_000 }, why: "nor is this one" },
    { free: 0, past: after(1, "no-space"), step: { do: "restart-buildkit" }, why: "it cannot delete" },
    { free: 0, past: after(1, "no-space"), isIdle: false, step: whole, why: "a session would be lost" },
    { free: 0, past: after(2, "no-space"), step: { do: "wait", ms: 30_000 }, why: "a new start did not help" },
    { free: 0, past: { fruitless: 1 }, step: whole, why: "it was started anew" },
  ])("$free free, $why", ({ free, past, nowMonoMs = 1_000, isIdle = true, step }) => {
    const space = { cacheSizeBytes: 1_000, cacheFreeBytes: free, cacheFreeInodes: 20 };
    expect(nextRelief(space, levels, past, { nowMonoMs, isIdle })).toEqual(step);
  });

  it.each([
    { inodes: 20, past: { fruitless: 0 }, step: { do: "nothing" }, why: "there are enough" },
    { inodes: 19, past: { fruitless: 0 }, step: quarter, why: "low: the oldest quarter goes" },
    {
      inodes: 9,
      past: after(1, "no-history"),
      step: { do: "prune", order: { minFreeBytes: 1_000, all: true } },
      why: "none",
    },
    { inodes: 9, past: after(2, "pruned"), step: allHistory, why: "each record has some files" },
    { inodes: 15, past: after(1, "no-history"), step: { do: "wait", ms: 15_000 }, why: "low, not full: no hurry" },
  ])("$inodes inodes free of those, $why", ({ inodes, past, step }) => {
    const space = { cacheSizeBytes: 1_000, cacheFreeBytes: 600, cacheFreeInodes: inodes };
    expect(nextRelief(space, levels, past, { nowMonoMs: 1_000, isIdle: true })).toEqual(step);
  });
});
