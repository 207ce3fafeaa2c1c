import * as fc from "fast-check";
import { GRACE_MS } from "../invariants/ending-orders.ts";
import { openBuild } from "./builds.ts";
import { order } from "./control-plane.ts";
import { type AnyKind, kind, words } from "./kind.ts";

/** Longer than any ending waits for it by itself. */
const LONG_SESSION_MS = 3_600_000;

/** By then a build that just opened has its sessions, if the machine lets any in. */
const SERVED_MS = 8_000;

/** Of whatever can be away for a moment or for an hour. */
const away = fc.oneof(
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 1, max: 120_000 }),
  fc.integer({ min: 1, max: 1_800_000 }),
);

export const PROCESSES: Readonly<Record<string, AnyKind>> = {
  "link-lost": kind({
    weight: 12,
    parameters: fc.record({ forMs: away }),
    act: (world, { forMs }) => world.loseLink(forMs),
    tell: ({ forMs }) => `the link between control and gateway is down for ${words(forMs)}`,
    lastsMs: ({ forMs }) => forMs,
  }),
  "gateway-restarts": kind({
    weight: 4,
    parameters: fc.record({ downMs: fc.integer({ min: 50, max: 20_000 }) }),
    act: (world, { downMs }) => world.restartGateway(downMs),
    tell: ({ downMs }) => `the gateway dies and is back after ${words(downMs)}`,
    lastsMs: ({ downMs }) => downMs,
  }),
  "control-killed": kind({
    weight: 6,
    parameters: fc.record({
      downMs: away,
      stopAfterMs: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: null, freq: 2 }),
    }),
    act: (world, { downMs, stopAfterMs }) => {
      world.killControl(downMs);
      if (stopAfterMs !== null) world.clock.at(downMs + stopAfterMs, () => world.tellToStop());
    },
    tell: ({ downMs, stopAfterMs }) =>
      `control is killed and starts again after ${words(downMs)}${stopAfterMs === null ? "" : `, and gets SIGTERM ${words(stopAfterMs)} later`}`,
    lastsMs: ({ downMs }) => downMs + 5_000,
  }),
  "blind-restart": kind({
    weight: 4,
    parameters: fc.record({
      sessionMs: fc.integer({ min: 10_000, max: 600_000 }),
      downMs: fc.integer({ min: 1, max: 5_000 }),
      stopAfterMs: fc.integer({ min: 0, max: 20_000 }),
      blindMs: fc.integer({ min: 0, max: 60_000 }),
    }),
    act: (world, { sessionMs, downMs, stopAfterMs, blindMs }) => {
      openBuild(world, { sessions: 2, sessionMs, lifeMs: sessionMs + 60_000, ends: "ended" });
      world.clock.at(SERVED_MS, () => {
        const reach = { at: "down" } as const;
        world.plane.reach = reach;
        world.plane.drop();
        world.killControl(downMs);
        world.clock.at(downMs + stopAfterMs, () => world.tellToStop());
        world.clock.at(downMs + blindMs, () => {
          if (world.plane.reach === reach) world.plane.reach = { at: "up" };
        });
      });
    },
    tell: ({ sessionMs, downMs, stopAfterMs, blindMs }) =>
      `a build opens for ${words(sessionMs)}; ${words(SERVED_MS)} later control is killed, starts again after ${words(downMs)}, gets SIGTERM ${words(stopAfterMs)} later, and cannot reach the control plane for ${words(blindMs)}`,
    lastsMs: ({ sessionMs, downMs, blindMs }) => SERVED_MS + Math.max(sessionMs + 60_000, downMs + blindMs + 5_000),
  }),
  "two-orders": kind({
    weight: 3,
    parameters: fc.record({
      graceMs: fc.integer({ min: 1_800_000, max: 7_200_000 }),
      afterMs: fc.integer({ min: 0, max: 120_000 }),
      /** Null: the second order is SIGTERM. */
      shorterMs: fc.option(fc.integer({ min: 0, max: 300_000 }), { nil: null, freq: 2 }),
    }),
    act: (world, { graceMs, afterMs, shorterMs }) => {
      openBuild(world, { sessions: 2, sessionMs: LONG_SESSION_MS, lifeMs: LONG_SESSION_MS, ends: "ended" });
      world.clock.at(SERVED_MS, () => order(world, graceMs));
      world.clock.at(SERVED_MS + afterMs, () => {
        if (shorterMs === null) world.tellToStop();
        else if (world.plane.drain !== undefined) order(world, shorterMs);
      });
    },
    tell: ({ graceMs, afterMs, shorterMs }) =>
      `a long build opens; ${words(SERVED_MS)} later the control plane orders a drain within ${words(graceMs)}, and ${words(afterMs)} after that ${shorterMs === null ? "comes SIGTERM" : `one within ${words(shorterMs)}`}`,
    lastsMs: ({ afterMs, shorterMs }) => SERVED_MS + afterMs + (shorterMs ?? GRACE_MS) + 10_000,
  }),
  "ending-under-load": kind({
    weight: 3,
    parameters: fc.record({
      sessions: fc.integer({ min: 100, max: 300 }),
      syncMs: fc.integer({ min: 20, max: 500 }),
      againMs: fc.integer({ min: 0, max: 5_000 }),
    }),
    act: (world, { sessions, syncMs, againMs }) => {
      openBuild(world, { sessions, sessionMs: LONG_SESSION_MS, lifeMs: LONG_SESSION_MS, ends: "ended" });
      world.setDisk(syncMs, world.disk.isFull);
      world.clock.at(SERVED_MS, () => world.tellToStop());
      world.clock.at(SERVED_MS + againMs, () => world.tellToStop());
    },
    tell: ({ sessions, syncMs, againMs }) =>
      `a build opens with ${sessions} sessions, a sync of the records' disk takes ${words(syncMs)}; ${words(SERVED_MS)} later comes SIGTERM, and again ${words(againMs)} later`,
    lastsMs: ({ againMs }) => SERVED_MS + againMs + 60_000,
  }),
  sigterm: kind({
    weight: 5,
    parameters: fc.record({ again: fc.option(fc.integer({ min: 0, max: 300_000 }), { nil: null, freq: 2 }) }),
    act: (world, { again }) => {
      world.tellToStop();
      if (again !== null) world.clock.at(again, () => world.tellToStop());
    },
    tell: ({ again }) => `SIGTERM${again === null ? "" : `, and again ${words(again)} later`}`,
    lastsMs: ({ again }) => again ?? 0,
  }),
};
