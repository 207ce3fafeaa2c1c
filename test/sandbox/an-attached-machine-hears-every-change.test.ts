import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { CloseReason } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import {
  ObservedState,
  Phase,
  SessionEnding,
  type SessionRecord,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { APP, registered } from "./plain-agent.ts";

const OBSERVED = ObservedState.fromPartial({ phase: Phase.READY });

function record(sequence: bigint, org: string = APP.org): SessionRecord {
  return {
    sequence,
    sessionId: `s-${sequence}`,
    buildId: "b",
    orgId: org,
    projectId: APP.project,
    peer: "127.0.0.1:1",
    certificateSerial: "01",
    keySpkiSha256: new Uint8Array(),
    openedAt: undefined,
    duration: undefined,
    bytesFromClient: 0n,
    bytesToClient: 0n,
    refusedCalls: 0,
    ending: SessionEnding.CLIENT_CLOSED,
    detail: "",
  };
}

async function attached(plane: EmbeddedControlPlane) {
  const agent = await registered(plane);
  const stream = agent.attach();
  stream.hello();
  const first = await stream.desired();
  return { agent, stream, first, [Symbol.dispose]: () => agent[Symbol.dispose]() };
}

it("sends the whole desired state at once, after each change, and as a heartbeat", async () => {
  await using plane = await EmbeddedControlPlane.listen({ heartbeatMs: 20 });
  using machine = await attached(plane);
  const { stream, first } = machine;
  const noKey = new Uint8Array();
  expect(first.assignment).toEqual({ orgId: "acme", projectId: "app", architecture: "amd64", debugGrantKey: noKey });
  expect(first.openBuilds).toEqual([]);
  expect(first.trustBundle?.buildCaCertificates).toBe(plane.authorities.builds.certPem);

  const build = await plane.openBuild({ ...APP, buildId: "b-1", wait: false, pinKey: true });
  const heard = async (revision: bigint) => {
    for (;;) {
      const state = await stream.desired();
      if (state.revision === revision) return state;
    }
  };
  const opened = await heard(build.change.revision);
  expect(opened.revision).toBeGreaterThan(first.revision);
  expect(opened.openBuilds).toMatchObject([{ buildId: "b-1", orgId: "acme", projectId: "app" }]);
  expect(opened.openBuilds[0]?.keySpkiSha256).toHaveLength(32);
  expect((await stream.desired()).revision).toBe(opened.revision);

  const extended = await heard(plane.extendBuild("b-1", new Date(4e12)).revision);
  expect(extended.openBuilds[0]?.expiresAt).toEqual(new Date(4e12));
  const revoked = await heard(plane.revokeBuild("b-1").revision);
  expect(revoked.openBuilds).toEqual([]);
  expect(revoked.closedBuilds).toEqual([{ buildId: "b-1", reason: CloseReason.REVOKED }]);
  const drained = await heard(plane.drain(APP, { reason: "over", graceMs: 1_500 }).revision);
  expect(drained.drain).toEqual({ reason: "over", grace: { seconds: 1n, nanos: 500_000_000 } });
});

it("calls a change applied when the machine has reported its revision and epoch, not before", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { stream } = machine;
  let open = false;
  const opening = plane.openBuild(APP).then((build) => {
    open = true;
    return build;
  });
  const { revision, epoch } = await stream.desired();
  stream.send({ $case: "observed", value: { ...OBSERVED, appliedRevision: revision, appliedEpoch: "another" } });
  stream.send({ $case: "observed", value: { ...OBSERVED, appliedRevision: revision - 1n, appliedEpoch: epoch } });
  await plane.until(() => plane.machines()[0]?.observed?.appliedRevision === revision - 1n);
  expect(open).toBe(false);
  stream.send({ $case: "observed", value: { ...OBSERVED, appliedRevision: revision, appliedEpoch: epoch } });
  const build = await opening;
  expect(build.serverName).toBe(plane.machines()[0]?.serverName);
});

it("closes a build again that no machine applied in time, and tells what the machine last said", async () => {
  await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: 50 });
  using machine = await attached(plane);
  expect(machine.first.openBuilds).toEqual([]);
  await expect(plane.openBuild(APP)).rejects.toThrow(
    /Waited 50 ms for acme\/app to accept build .*is attached, last applied revision 0/,
  );
  expect(plane.listBuilds()).toEqual([]);
});

it("refuses a build of a project that has no machine here", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  plane.issueJoinToken(APP);
  await expect(plane.openBuild({ org: "acme", project: "other" })).rejects.toThrow("has machines for acme/app");
});

it("lets the newer Attach of a machine replace the older", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { agent, stream } = machine;
  const second = agent.attach();
  second.hello();
  await second.desired();
  expect((await stream.ending()).code).toBe(status.ABORTED);
  plane.wish(APP, {});
  await second.desired();
  expect(plane.machines()[0]?.attaches).toBe(2);
});

it.each([
  { what: "something else before Hello", speak: [{ $case: "observed" as const, value: OBSERVED }], names: "hello" },
  {
    what: "records of another customer",
    speak: ["hello" as const, { $case: "records" as const, value: { bootId: "b", records: [record(1n, "evil")] } }],
    names: "org_id",
  },
  {
    what: "records that count from 0",
    speak: ["hello" as const, { $case: "records" as const, value: { bootId: "b", records: [record(0n)] } }],
    names: "sequence",
  },
  {
    what: "records of no boot",
    speak: ["hello" as const, { $case: "records" as const, value: { bootId: "", records: [] } }],
    names: "boot_id",
  },
  { what: "Hello twice", speak: ["hello" as const, "hello" as const], names: "hello" },
])("ends a stream that sends $what", async ({ speak, names }) => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  const stream = agent.attach();
  for (const message of speak) {
    if (message === "hello") stream.hello();
    else stream.send(message);
  }
  const error = await stream.ending();
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.details).toContain(names);
  expect(plane.records()).toEqual([]);
});

it("stores each record once, and acknowledges up to the first that is missing", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { stream } = machine;
  const send = async (bootId: string, ...sequences: bigint[]) => {
    stream.send({ $case: "records", value: { bootId, records: sequences.map((sequence) => record(sequence)) } });
    return stream.ack();
  };
  expect(await send("one", 1n, 2n)).toEqual({ bootId: "one", upToSequence: 2n });
  expect(await send("one", 1n, 2n, 3n)).toEqual({ bootId: "one", upToSequence: 3n });
  expect(await send("one", 5n, 6n)).toEqual({ bootId: "one", upToSequence: 3n });
  expect(await send("one", 6n, 4n)).toEqual({ bootId: "one", upToSequence: 6n });
  expect(await send("two", 9n)).toEqual({ bootId: "two", upToSequence: 9n });
  expect(plane.records().map(({ bootId, sequence }) => `${bootId} ${sequence}`)).toEqual([
    "one 1",
    "one 2",
    "one 3",
    "one 5",
    "one 6",
    "one 4",
    "two 9",
  ]);
  expect(plane.repeatedRecords).toBe(3);
});

it("can keep its acknowledgements to itself, and still knows the repeats", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { stream } = machine;
  plane.faults.swallowAcks = true;
  stream.send({ $case: "records", value: { bootId: "one", records: [record(1n)] } });
  await plane.until(() => plane.records().length === 1);
  plane.faults.swallowAcks = false;
  stream.send({ $case: "records", value: { bootId: "one", records: [record(1n)] } });
  expect(await stream.ack()).toEqual({ bootId: "one", upToSequence: 1n });
  expect(plane.records()).toHaveLength(1);
});

it("can go away, and come back on the same port with everything that it knew", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { agent, stream, first } = machine;
  const { endpoint } = plane;
  plane.transport.stopListening();
  plane.transport.cutConnections();
  expect((await stream.ending()).code).toBe(status.UNAVAILABLE);
  const failed = agent.attach();
  failed.hello();
  expect((await failed.ending()).code).toBe(status.UNAVAILABLE);
  await plane.transport.listenAgain();
  expect(plane.endpoint).toBe(endpoint);
  await expect
    .poll(
      async () => {
        const again = agent.attach();
        again.hello();
        return again.desired().then(
          (state) => state.epoch,
          () => undefined,
        );
      },
      { timeout: 15_000 },
    )
    .toBe(first.epoch);
});

it("can say goodbye, end streams, be silent, send nonsense, and start another epoch", async () => {
  await using plane = await EmbeddedControlPlane.listen({ heartbeatMs: 10 });
  using machine = await attached(plane);
  const { agent, stream, first } = machine;
  plane.sendRaw(Uint8Array.of(0xff, 0xff, 0xff));
  expect((await stream.ending()).code).toBe(status.INTERNAL);

  const second = agent.attach();
  second.hello();
  await second.desired();
  plane.startNewEpoch(APP);
  const next = async () => (await second.desired()).epoch;
  await expect.poll(next).not.toBe(first.epoch);
  plane.faults.silent = true;
  plane.endStreams(new Refusal(status.UNAVAILABLE, "restarting"));
  expect((await second.ending()).details).toBe("restarting");
  plane.faults.silent = false;

  const third = agent.attach();
  third.hello();
  await third.desired();
  plane.transport.goAway(50);
  expect([status.UNAVAILABLE, status.CANCELLED]).toContain((await third.ending()).code);
});

it("trusts two authorities of builds during a rotation, and one after it", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using machine = await attached(plane);
  const { stream, first } = machine;
  await plane.rotateBuildCa();
  const both = (await stream.desired()).trustBundle?.buildCaCertificates ?? "";
  expect(both).toContain(first.trustBundle?.buildCaCertificates);
  expect(both).toContain(plane.authorities.builds.certPem);
  plane.withdrawOldBuildCa(APP);
  expect((await stream.desired()).trustBundle?.buildCaCertificates).toBe(plane.authorities.builds.certPem);
});
