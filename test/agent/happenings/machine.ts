import * as fc from "fast-check";
import { type AnyKind, kind, words } from "./kind.ts";

const MIB = 1024 ** 2;

const while_ = fc.integer({ min: 1_000, max: 900_000 });

export const MACHINE: Readonly<Record<string, AnyKind>> = {
  "disk-slow": kind({
    weight: 6,
    parameters: fc.record({
      syncMs: fc.oneof(fc.integer({ min: 20, max: 500 }), fc.integer({ min: 1, max: 20_000 })),
      forMs: while_,
    }),
    act: (world, { syncMs, forMs }) => {
      world.setDisk(syncMs, world.disk.isFull);
      world.clock.at(forMs, () => world.setDisk(5, world.disk.isFull));
    },
    tell: ({ syncMs, forMs }) => `a sync of the records' disk takes ${words(syncMs)}, for ${words(forMs)}`,
    lastsMs: ({ forMs }) => forMs,
  }),
  "disk-full": kind({
    weight: 3,
    parameters: fc.record({ forMs: while_ }),
    act: (world, { forMs }) => {
      world.setDisk(world.disk.syncMs, true);
      world.clock.at(forMs, () => world.setDisk(world.disk.syncMs, false));
    },
    tell: ({ forMs }) => `the records' disk is full for ${words(forMs)}`,
    lastsMs: ({ forMs }) => forMs,
  }),
  "cache-fills": kind({
    weight: 4,
    parameters: fc.record({
      leftMib: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 300, max: 6_000 })),
      isStuck: fc.boolean(),
    }),
    act: (world, { leftMib, isStuck }) => {
      world.buildkit.usedBytes = world.buildkit.diskBytes - leftMib * MIB;
      world.buildkit.stuckBytes = isStuck ? world.buildkit.usedBytes : 0;
    },
    tell: ({ leftMib, isStuck }) =>
      `the cache's disk has ${leftMib} MiB left${isStuck ? ", and nothing can be pruned" : ""}`,
  }),
  "buildkit-dies": kind({
    weight: 4,
    parameters: fc.record({
      startsToFail: fc.integer({ min: 0, max: 8 }),
      startMs: fc.integer({ min: 100, max: 30_000 }),
    }),
    act: (world, { startsToFail, startMs }) => {
      world.buildkit.startsToFail = startsToFail;
      world.buildkit.startMs = startMs;
      world.buildkit.die();
    },
    tell: ({ startsToFail, startMs }) => `BuildKit dies; ${startsToFail} starts fail, and each takes ${words(startMs)}`,
  }),
  "buildkit-hangs": kind({
    weight: 4,
    parameters: fc.record({
      forMs: fc.oneof(fc.integer({ min: 1_000, max: 30_000 }), fc.integer({ min: 60_000, max: 600_000 })),
      stopMs: fc.integer({ min: 100, max: 15_000 }),
    }),
    act: (world, { forMs, stopMs }) => {
      world.buildkit.hangsUntilMonoMs = world.clock.monoMs + forMs;
      world.buildkit.stopMs = stopMs;
    },
    tell: ({ forMs, stopMs }) => `BuildKit hangs for ${words(forMs)}, and takes ${words(stopMs)} to stop`,
    lastsMs: ({ forMs }) => forMs,
  }),
  "network-fails": kind({
    weight: 3,
    parameters: fc.record({
      applies: fc.integer({ min: 0, max: 4 }),
      verifies: fc.integer({ min: 0, max: 4 }),
      holes: fc.integer({ min: 0, max: 3 }),
    }),
    act: (world, { applies, verifies, holes }) => {
      world.network.appliesToFail = applies;
      world.network.verifiesToFail = verifies;
      world.network.holesToFind = holes;
    },
    tell: ({ applies, verifies, holes }) =>
      `the guard cannot be applied ${applies} times, cannot be tried ${verifies} times, and has a hole ${holes} times`,
  }),
  "cache-fails": kind({
    weight: 2,
    parameters: fc.record({
      opens: fc.integer({ min: 0, max: 4 }),
      closes: fc.integer({ min: 0, max: 1 }),
      closeMs: fc.integer({ min: 10, max: 120_000 }),
    }),
    act: (world, { opens, closes, closeMs }) => {
      world.cache.opensToFail = opens;
      world.cache.closesToFail = closes;
      world.cache.closeMs = closeMs;
    },
    tell: ({ opens, closes, closeMs }) =>
      `the cache fails to open ${opens} times and to close ${closes} times; closing takes ${words(closeMs)}`,
  }),
  "tailnet-fails": kind({
    weight: 3,
    parameters: fc.record({ joins: fc.integer({ min: 0, max: 4 }), leaveMs: fc.integer({ min: 10, max: 40_000 }) }),
    act: (world, { joins, leaveMs }) => {
      world.tailnet.joinsToFail = joins;
      world.tailnet.leaveMs = leaveMs;
      world.tailnet.die();
    },
    tell: ({ joins, leaveMs }) => `tailscaled dies, ${joins} joins fail, and leaving takes ${words(leaveMs)}`,
  }),
  "wall-steps": kind({
    weight: 3,
    parameters: fc.record({
      byMs: fc.oneof(fc.integer({ min: -5_000, max: 5_000 }), fc.integer({ min: -7_200_000, max: 7_200_000 })),
    }),
    act: (world, { byMs }) => world.clock.stepWall(byMs),
    tell: ({ byMs }) => `the wall clock is put ${words(byMs)} forward`,
  }),
  suspends: kind({
    weight: 2,
    parameters: fc.record({ forMs: fc.integer({ min: 1_000, max: 7_200_000 }) }),
    act: (world, { forMs }) => world.suspend(forMs),
    tell: ({ forMs }) => `the machine stands still for ${words(forMs)}`,
  }),
};
