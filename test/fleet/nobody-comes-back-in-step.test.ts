import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { DEADLINE_MS, SmallFleet } from "./small-fleet.ts";

const MACHINES = 50;
const GONE_MS = 5_000;
const WINDOW_MS = 500;

/** The same agents with dice that always fall alike: a fixed delay, as the naive have it. */
const FIXED: Clock = { ...systemClock(), random: () => 0.999_999 };

/** After the return, the most that came in any half second. */
async function mostAtOnce(clock: Clock): Promise<number> {
  await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: DEADLINE_MS });
  const triedMs: number[] = [];
  const onCall = (call: string): void => void (call === "Attach" && triedMs.push(performance.now()));
  await using fleet = await SmallFleet.of(plane, MACHINES, () => ({ clock, onCall }));
  plane.transport.stopListening();
  plane.transport.cutConnections();
  await sleep(GONE_MS);
  const backMs = performance.now();
  await plane.transport.listenAgain();
  await fleet.allReady();
  const came = triedMs.filter((atMs) => atMs >= backMs);
  expect(came.length).toBeGreaterThanOrEqual(MACHINES);
  return Math.max(...came.map((from) => came.filter((atMs) => atMs >= from && atMs < from + WINDOW_MS).length));
}

it(
  "a fleet that lost its control plane does not come back in step: never half of it within half a second",
  async () => {
    expect(await mostAtOnce(systemClock())).toBeLessThan(MACHINES / 2);
  },
  DEADLINE_MS * 2,
);

it(
  "with a fixed delay it would: the bound above means something",
  async () => {
    expect(await mostAtOnce(FIXED)).toBeGreaterThanOrEqual(MACHINES / 2);
  },
  DEADLINE_MS * 2,
);
