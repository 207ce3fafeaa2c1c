import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { DEADLINE_MS, FOREVER, SmallFleet } from "./small-fleet.ts";

const MACHINES = 100;
/** Renewed after 24 s: all are up by then. No second renewal comes in the ten minutes after it. */
const LIFETIME_MS = 36_000;
const ROUND_MS = 250;
const LIMIT = { timeout: DEADLINE_MS * 2 };

it("a hundred machines that renew with builds on them interrupt no session, and turn nobody away", LIMIT, async () => {
  await using plane = await EmbeddedControlPlane.listen({
    machineCertificateLifetimeMs: LIFETIME_MS,
    servingCertificateLifetimeMs: LIFETIME_MS,
    applyDeadlineMs: DEADLINE_MS,
  });
  await using fleet = await SmallFleet.of(plane, MACHINES);
  const { machines } = fleet;
  const builds = await Promise.all(
    machines.map(async (machine) => ({ machine, ticket: await fleet.openBuild(machine) })),
  );
  const sessions = await Promise.all(builds.map(({ machine, ticket }) => fleet.dial(machine, ticket)));
  const known = plane.machines();
  const renewed = (): number => known.filter(({ renewals }) => renewals > 0).length;
  const moved = (): number => known.filter(({ attaches, link }) => attaches > 1 && link !== undefined).length;

  for (let round = 0; renewed() < MACHINES && round < DEADLINE_MS / ROUND_MS; round += 1) {
    // Load: bytes both ways on every session, and clients that come and go at some machines.
    await Promise.all(sessions.map((session) => session.ping(FOREVER)));
    const visited = builds.filter((_, at) => at % 10 === round % 10);
    const visitors = await Promise.all(visited.map(({ machine, ticket }) => fleet.dial(machine, ticket)));
    for (const visitor of visitors) visitor[Symbol.dispose]();
    await sleep(ROUND_MS);
  }
  await plane.until(() => moved() === MACHINES, { what: "all to be attached anew", deadlineMs: DEADLINE_MS });
  await Promise.all(sessions.map((session) => session.ping(FOREVER)));

  expect(renewed()).toBe(MACHINES);
  expect(sessions.filter(({ isOpen }) => !isOpen)).toEqual([]);
  for (const session of sessions) session[Symbol.dispose]();
});
