import { expect, it } from "vitest";
import type { FleetMachine } from "../../bench/fleet/machine/machine.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Relay } from "./relay.ts";
import { DEADLINE_MS, projectOf, SmallFleet } from "./small-fleet.ts";

const MACHINES = 200;

it(
  "a fleet changes its builds' CA with an overlap: no handshake fails, also on a machine that was cut off for most of it",
  async () => {
    await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: DEADLINE_MS });
    await using way = await Relay.to(plane.transport.port);
    const behindRelay = { plane: { endpoint: way.endpoint, serverName: plane.serverName, caPem: plane.caPem } };
    await using fleet = await SmallFleet.of(plane, MACHINES, (at) => (at === 0 ? behindRelay : {}));
    const { machines } = fleet;
    const [cutOff] = machines;
    if (cutOff === undefined) throw new Error("there is no machine");
    const others = machines.slice(1);
    const open = async (machine: FleetMachine) => ({ machine, ticket: await fleet.openBuild(machine) });
    const handshakes = { tried: 0, failed: 0 };
    const dial = async ({ machine, ticket }: Awaited<ReturnType<typeof open>>) => {
      handshakes.tried += 1;
      return fleet.dial(machine, ticket).catch(() => {
        handshakes.failed += 1;
        return undefined;
      });
    };

    const old = await Promise.all(machines.map(open));
    const sessions = await Promise.all(old.map(dial));
    way.cut();
    await plane.until(() => fleet.known(cutOff).link === undefined, { what: "the cut to be noticed" });

    await plane.rotateBuildCa();
    // Certificates of the old CA are good everywhere, whoever has heard of the new one.
    for (const session of await Promise.all(old.map(dial))) session?.[Symbol.dispose]();
    // The others take builds of the new one as soon as they are offered.
    const fresh = await Promise.all(others.map(open));
    for (const session of await Promise.all(fresh.map(dial))) session?.[Symbol.dispose]();

    await way.mend();
    await plane.until(() => fleet.known(cutOff).link !== undefined, {
      what: "it to come back",
      deadlineMs: DEADLINE_MS,
    });
    fresh.push(await open(cutOff));
    for (const session of await Promise.all([...old, ...fresh].map(dial))) session?.[Symbol.dispose]();
    expect(
      sessions.filter((session) => session?.isOpen !== true),
      "sessions that did not last",
    ).toEqual([]);

    const withdrawals = machines.map(({ name }) => plane.withdrawOldBuildCa(projectOf(name)));
    await Promise.all(withdrawals.map((change) => change.applied()));
    for (const session of await Promise.all(fresh.map(dial))) session?.[Symbol.dispose]();
    expect(handshakes).toEqual({ tried: 6 * MACHINES - 1, failed: 0 });

    // And the change was one: who has nothing but the old certificate stays outside.
    const [late] = old;
    if (late === undefined) throw new Error("there is no build");
    await expect(fleet.dial(late.machine, late.ticket)).rejects.toThrow("did not let this build in");
    for (const session of sessions) session?.[Symbol.dispose]();
  },
  DEADLINE_MS * 2,
);
