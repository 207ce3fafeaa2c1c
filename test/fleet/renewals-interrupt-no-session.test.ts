import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import type { BuildSession } from "../../bench/fleet/build-client.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { DEADLINE_MS, FOREVER, SmallFleet } from "./small-fleet.ts";

const MACHINES = 100;
const MINUTE_MS = 60_000;

/** The system's clock, whose wall time can be stepped: then a renewal is due at once. */
class SteppedClock implements Clock {
  readonly #system = systemClock();
  aheadMs = 0;

  now() {
    const { wallMs, monoMs } = this.#system.now();
    return { wallMs: wallMs + this.aheadMs, monoMs };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#system.sleep(ms, signal);
  }

  random(): number {
    return this.#system.random();
  }
}

it(
  "a hundred machines that all have to renew at once, with builds on them, interrupt no session",
  async () => {
    const clock = new SteppedClock();
    await using plane = await EmbeddedControlPlane.listen({ heartbeatMs: 1_000, applyDeadlineMs: DEADLINE_MS });
    await using fleet = await SmallFleet.of(plane, MACHINES, () => ({ clock }));
    const { machines } = fleet;
    const builds = await Promise.all(
      machines.map(async (machine) => ({ machine, ticket: await fleet.openBuild(machine, 180 * MINUTE_MS) })),
    );
    const sessions = await Promise.all(builds.map(({ machine, ticket }) => fleet.dial(machine, ticket)));

    // Two thirds of the hour that certificates are good for.
    clock.aheadMs = 45 * MINUTE_MS;
    const renewed = (): number => plane.machines().filter(({ renewals }) => renewals > 0).length;
    const moved = (): number =>
      plane.machines().filter(({ attaches, link }) => attaches > 1 && link !== undefined).length;
    let rounds = 0;
    do {
      // Load: bytes both ways on every session, and a client that comes to every machine.
      await Promise.all(sessions.map((session) => session.ping(FOREVER)));
      const visitors = await Promise.all(builds.map(({ machine, ticket }) => fleet.dial(machine, ticket)));
      await Promise.all(visitors.map((visitor: BuildSession) => visitor.ping(FOREVER)));
      for (const visitor of visitors) visitor[Symbol.dispose]();
      rounds += 1;
    } while (renewed() < MACHINES && rounds < 100);
    await plane.until(() => moved() === MACHINES, { what: "all to be attached anew", deadlineMs: DEADLINE_MS });
    await Promise.all(sessions.map((session) => session.ping(FOREVER)));

    expect(renewed()).toBe(MACHINES);
    expect(sessions.filter(({ isOpen }) => !isOpen)).toEqual([]);
    expect(plane.machines().filter(({ observed }) => observed?.certificates?.lastRenewalError !== "")).toEqual([]);
    for (const session of sessions) session[Symbol.dispose]();
  },
  DEADLINE_MS * 2,
);
