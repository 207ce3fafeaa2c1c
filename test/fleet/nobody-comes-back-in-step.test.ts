import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { DEADLINE_MS, SmallFleet } from "./small-fleet.ts";

const MACHINES = 50;
/** Between two tries of the fixed delay: they come after 1, 2.5, 4.75 and 8.1 s. */
const GONE_MS = 6_000;
const WINDOW_MS = 500;
const LIMIT = { timeout: DEADLINE_MS * 2 };

/** The same agents with dice that always fall alike: a fixed delay, as the naive have it. */
const FIXED: Clock = { ...systemClock(), random: () => 0.999_999 };

/** Of the tries that led back, the most that were begun within any half second. */
async function mostAtOnce(clock: Clock): Promise<number> {
  await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: DEADLINE_MS });
  const lastTryMs = new Map<number, number>();
  await using fleet = await SmallFleet.of(plane, MACHINES, (at) => ({
    clock,
    onCall: (call) => void (call === "Attach" && lastTryMs.set(at, performance.now())),
  }));
  plane.transport.stopListening();
  plane.transport.cutConnections();
  await sleep(GONE_MS);
  await plane.transport.listenAgain();
  await fleet.allReady();
  const tries = [...lastTryMs.values()];
  return Math.max(...tries.map((from) => tries.filter((atMs) => atMs >= from && atMs < from + WINDOW_MS).length));
}

it(
  "a fleet that lost its control plane does not come back in step: never half of it within half a second",
  LIMIT,
  async () => {
    expect(await mostAtOnce(systemClock())).toBeLessThan(MACHINES / 2);
  },
);

it("with a fixed delay it would: the bound above means something", LIMIT, async () => {
  expect(await mostAtOnce(FIXED)).toBeGreaterThanOrEqual(MACHINES / 2);
});
