import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { EvidenceSource } from "../../agent/ports/evidence.ts";
import type { AnyLog, Log } from "../../agent/ports/log.ts";
import { FleetMachine, type PlaneAddress } from "../../bench/fleet/machine/machine.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import type { ControlPlaneOptions } from "../../sandbox/control-plane/options.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { accept, claims, google } from "../verifier/platforms.ts";
import { Relay } from "./relay.ts";
import { DEADLINE_MS } from "./small-fleet.ts";

const APP = { org: "acme", project: "app" } as const;
const INSTANCE = "gcp/acme-builders/4567890123456789012";

/** What the metadata server says: of one and the same VM, whoever asks. */
const metadata: EvidenceSource = {
  kind: "gcp",
  gather: async ({ nonce, audience }, { spkiDer: spki }) => ({
    kind: "gcp",
    jwt: new Secret(google.token(claims.gcp({ nonce, audience, spki }, Date.now()))),
  }),
};

function listen(leaseMs: number, options: ControlPlaneOptions = {}): Promise<EmbeddedControlPlane> {
  return EmbeddedControlPlane.listen({ attestation: { accept, entitle: () => APP }, leaseMs, ...options });
}

/** A boot of that VM: its memory, and with it its key, is new. */
function boot(name: string, plane: PlaneAddress, log?: Log): Promise<FleetMachine> {
  return FleetMachine.boot({ name, proof: metadata, plane, ...(log !== undefined && { log }) });
}

/** The machine of this boot, once it is ready. */
function ready(plane: EmbeddedControlPlane, bootId: string) {
  const probe = () =>
    plane.machines().find(({ facts, observed }) => facts.bootId === bootId && observed?.phase === Phase.READY);
  return plane.until(probe, { what: `${bootId} to be ready`, deadlineMs: DEADLINE_MS });
}

it("is let in at once after a shutdown in order, without an operator", async () => {
  await using plane = await listen(600_000);
  let before: string;
  {
    await using first = await boot("boot-1", plane);
    before = (await ready(plane, first.name)).id;
  }
  await using second = await boot("boot-2", plane);
  const after = await ready(plane, second.name);
  expect(after.id).not.toBe(before);
  expect(plane.machines()).toMatchObject([{ id: after.id, lease: { instance: INSTANCE, generation: 2 } }]);
});

it("is let in when it is told to come back after a loss of power, and names what it waits for", async () => {
  await using plane = await listen(3_000);
  await using relay = await Relay.to(plane.transport.port);
  await using lost = await boot("boot-1", { ...placeOf(plane), endpoint: relay.endpoint });
  await ready(plane, lost.name);
  relay.cut();

  const failures: unknown[] = [];
  const warn: AnyLog["warn"] = ({ err }, event) => event === "identity.registration-failed" && failures.push(err);
  await using second = await boot("boot-2", plane, { debug() {}, info() {}, error() {}, warn });
  await ready(plane, second.name);
  expect(plane.machines()).toMatchObject([{ lease: { instance: INSTANCE, generation: 2 } }]);
  expect(failures.length).toBeGreaterThan(0);
  // Told when to come back, it does not come in between, but for what the lease was prolonged by.
  expect(failures.length).toBeLessThanOrEqual(3);
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(PlaneError);
    expect(failure).toMatchObject({ status: "ALREADY_EXISTS", step: "retry" });
    expect(failure).toHaveProperty("message", expect.stringContaining("instance-already-registered"));
  }
});

it("leaves the machine alone that it is a clone of: that one stays attached, and builds", async () => {
  await using plane = await listen(600_000);
  await using machine = await boot("boot-1", plane);
  const first = await ready(plane, machine.name);
  await using clone = await boot("boot-2", plane);
  const [entry] = await plane.until(() => plane.audit().length > 0 && plane.audit(), { what: "the audit" });
  expect(entry).toMatchObject({
    event: "instance-already-registered",
    instance: INSTANCE,
    holder: { machineId: first.id, keySha256: first.lease?.keySha256, address: "127.0.0.1" },
    claimant: { address: "127.0.0.1" },
  });
  const build = await plane.openBuild(APP);
  expect(build.serverName).toBe(first.serverName);
  expect(plane.machines()).toMatchObject([{ id: first.id, attaches: 1 }]);
  expect(clone.shown?.phase.at).toBe("starting");
});

it("stays the same machine when its certificate expires under it", async () => {
  let registrations = 0;
  await using plane = await listen(600_000, {
    machineCertificateLifetimeMs: 3_000,
    onCall: (method) => (registrations += method === "register" ? 1 : 0),
  });
  plane.faults.answer("renewCertificates", new Refusal(status.UNAVAILABLE, "not now"));
  await using machine = await boot("boot-1", plane);
  const { id } = await ready(plane, machine.name);
  await plane.until(() => registrations >= 2, { what: "a second registration", deadlineMs: DEADLINE_MS });
  // By then the second has been answered.
  await plane.until(() => plane.audit().length > 0 || registrations >= 3, { what: "a third", deadlineMs: DEADLINE_MS });
  expect(plane.audit()).toEqual([]);
  expect(plane.machines()).toMatchObject([{ id, lease: { generation: 1 } }]);
});

function placeOf({ endpoint, serverName, caPem }: PlaneAddress): PlaneAddress {
  return { endpoint, serverName, caPem };
}
