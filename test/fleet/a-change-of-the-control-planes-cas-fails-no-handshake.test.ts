import { expect, it } from "vitest";
import type { Log } from "../../agent/ports/log.ts";
import type { Call } from "../../bench/fleet/machine/watched-plane.ts";
import { CONTROL_PLANE_NAME } from "../../sandbox/control-plane/authorities.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { Relay } from "./relay.ts";
import { DEADLINE_MS, FOREVER, SmallFleet } from "./small-fleet.ts";

const MACHINES = 60;
/** Renewed after 76 s and more: all are up by then. Who was cut off has 36 s for it. */
const LIFETIME_MS = 120_000;
const PROFILE = { name: CONTROL_PLANE_NAME, dnsSans: [CONTROL_PLANE_NAME], extendedKeyUsage: [SERVER_AUTH] };

it(
  "a fleet goes through a change of the CAs of its control plane and of its machines: no handshake fails, nobody registers anew, also one that was cut off",
  async () => {
    await using plane = await EmbeddedControlPlane.listen({
      machineCertificateLifetimeMs: LIFETIME_MS,
      servingCertificateLifetimeMs: LIFETIME_MS,
      applyDeadlineMs: DEADLINE_MS,
    });
    const [ofPlane, ofMachines] = await Promise.all(
      ["next CA of the control plane", "next CA of machines"].map((name) => CertificateAuthority.create({ name })),
    );
    const { machines: oldMachines } = plane.authorities;
    await using way = await Relay.to(plane.transport.port);
    const address = { serverName: plane.serverName, caPem: plane.caPem + ofPlane!.certPem };
    const calls: Call[][] = Array.from({ length: MACHINES }, () => []);
    const refusals: string[] = [];
    const log = noting(refusals);
    await using fleet = await SmallFleet.of(plane, MACHINES, (at) => ({
      log,
      onCall: (call) => void calls[at]!.push(call),
      plane: { ...address, endpoint: at === 0 ? way.endpoint : plane.endpoint },
    }));
    const known = plane.machines();
    const cutOff = fleet.known(fleet.machines[0]!);
    const builds = await Promise.all(
      fleet.machines.slice(0, 20).map(async (machine) => ({ machine, ticket: await fleet.openBuild(machine) })),
    );
    const sessions = await Promise.all(builds.map(({ machine, ticket }) => fleet.dial(machine, ticket)));
    const allAttached = (others: typeof known, what: string) =>
      plane.until(() => others.every(({ link }) => link !== undefined), { what, deadlineMs: DEADLINE_MS });

    // The overlap: both CAs of machines are believed, and what is new signs from now on.
    const { certPem, keyPem } = await ofPlane!.issue(PROFILE);
    plane.transport.present({ certPem, keyPem, clientCaPem: oldMachines.certPem + ofMachines!.certPem });
    plane.authorities.replaceMachines(ofMachines!);
    way.cut();
    plane.transport.cutConnections();
    await plane.until(() => known.some(({ link }) => link === undefined), { what: "the cut" });
    const others = known.filter((one) => one !== cutOff);
    await allAttached(others, "the others to come back to another certificate");
    // By the certificate that a renewal brought, a machine attaches anew.
    const isMoved = (called: readonly Call[]): boolean =>
      called.slice(called.lastIndexOf("renewed")).includes("Attach") && called.at(-1) === "attached";
    await plane.until(() => calls.slice(1).every(isMoved), { what: "the others to move", deadlineMs: 2 * DEADLINE_MS });
    expect(cutOff.renewals).toBe(0);
    await way.mend();
    await plane.until(() => calls.every(isMoved), { what: "it to move, too", deadlineMs: DEADLINE_MS });

    // The old ones are withdrawn: whoever comes now comes by the new ones.
    plane.transport.present({ certPem, keyPem, clientCaPem: ofMachines!.certPem });
    plane.transport.cutConnections();
    await plane.until(() => known.some(({ link }) => link === undefined), { what: "the second cut" });
    await allAttached(known, "all to come back by the new CA");
    await Promise.all(sessions.map((session) => session.ping(FOREVER)));

    expect(refusals).toEqual([]);
    expect(calls.flat().filter((call) => call === "Register")).toHaveLength(MACHINES);
    for (const session of sessions) session[Symbol.dispose]();
  },
  DEADLINE_MS * 5,
);

/** What speaks of a certificate, or of a machine that is not known. */
function noting(refusals: string[]): Log {
  const note = (data: unknown, event: string): void => {
    const said = data instanceof Object && "err" in data ? String(data.err) : "";
    if (/certificate|alert|UNAUTHENTICATED/.test(said)) refusals.push(`${event}: ${said}`);
  };
  return { debug: note, info: note, warn: note, error: note };
}
