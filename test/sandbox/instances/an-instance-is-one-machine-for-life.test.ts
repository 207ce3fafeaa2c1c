import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { ObservedState, Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { describeMachine } from "../../../sandbox/admin/plane/machines.ts";
import { Audit, type AuditEntry } from "../../../sandbox/control-plane/audit.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { keeperIn } from "../../../sandbox/control-plane/kept/on-disk.ts";
import type { ControlPlaneOptions } from "../../../sandbox/control-plane/options.ts";
import type { ProjectRef } from "../../../sandbox/control-plane/project-ref.ts";
import { KeyPair } from "../../../sandbox/pki/key-pair.ts";
import { accept } from "../../verifier/platforms.ts";
import { APP, type PlainStream, refusal } from "../plain-agent.ts";
import { INSTANCE, Member, TAKES_ALL } from "./claimant.ts";

const LONG_MS = 600_000;
const SHORT_MS = 400;

function listen(options: ControlPlaneOptions = {}): Promise<EmbeddedControlPlane> {
  return EmbeddedControlPlane.listen({ ...TAKES_ALL, leaseMs: LONG_MS, ...options });
}

/** Resolves once the control plane has read it. */
async function attached(plane: EmbeddedControlPlane, member: Member): Promise<PlainStream> {
  const stream = member.attach();
  stream.hello(member.key.spkiSha256);
  await stream.desired();
  await plane.until(() => plane.machines().some(({ id, link }) => id === member.id && link !== undefined));
  return stream;
}

async function says(plane: EmbeddedControlPlane, stream: PlainStream, phase: Phase): Promise<void> {
  stream.send({ $case: "observed", value: ObservedState.fromPartial({ phase }) });
  await plane.until(() => plane.machines().some(({ observed }) => observed?.phase === phase));
}

/** As an agent does it: again when it is told to. */
async function joinInTime(plane: EmbeddedControlPlane, key: KeyPair): Promise<Member> {
  for (;;) {
    try {
      return await Member.join(plane, key);
    } catch (failure) {
      const { code, metadata } = failure as ServiceError;
      if (code !== status.ALREADY_EXISTS) throw failure;
      await sleep(Number(metadata.get("builder-agent-retry-after-ms")[0]));
    }
  }
}

const audited = (plane: EmbeddedControlPlane, event: AuditEntry["event"]) =>
  plane.audit().filter((entry) => entry.event === event);

describe("a clone", () => {
  it("is refused while the machine lives, told when to come back, and the machine is not disturbed", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    await says(plane, stream, Phase.READY);

    const refused = await refusal(Member.join(plane));
    expect(refused.code).toBe(status.ALREADY_EXISTS);
    expect(refused.details).toContain(`instance-already-registered: this instance is machine ${first.id}`);
    expect(refused.details).not.toContain(first.key.spkiSha256);
    expect(refused.metadata.get("builder-agent-refusal")).toEqual([]);
    const [afterMs] = refused.metadata.get("builder-agent-retry-after-ms").map(Number);
    expect(afterMs).toBeGreaterThan(LONG_MS / 2);
    expect(afterMs).toBeLessThanOrEqual(LONG_MS);

    const { revision } = plane.wish(APP, {});
    while ((await stream.desired()).revision < revision);
    expect(plane.machines()).toMatchObject([{ id: first.id, attaches: 1, renewals: 0 }]);
    await stream.hangUp();
  });

  it("is one entry of the audit, with both keys and both addresses, however often it comes", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    const key = await KeyPair.generate();
    for (let time = 0; time < 3; time += 1) await refusal(Member.join(plane, key));
    expect(plane.audit()).toEqual([
      {
        event: "instance-already-registered",
        instance: INSTANCE,
        holder: { machineId: first.id, generation: 1, keySha256: first.key.spkiSha256, address: "127.0.0.1" },
        claimant: { keySha256: key.spkiSha256, address: "127.0.0.1" },
        at: expect.any(Date) as Date,
        lastAt: expect.any(Date) as Date,
        times: 3,
      },
    ]);
    await stream.hangUp();
  });
});

describe("a machine that comes again with its key", () => {
  it("is the same machine at once, also over a restart of the control plane, whatever its boot's id", async () => {
    const dir = await mkdtemp(join(tmpdir(), "instances-"));
    const options = { ...TAKES_ALL, leaseMs: LONG_MS };
    let id = "";
    const key = await KeyPair.generate();
    {
      await using plane = await EmbeddedControlPlane.listen(options, keeperIn(dir));
      using member = await Member.join(plane, key);
      id = member.id;
      using again = await Member.join(plane, key);
      expect(again.id).toBe(id);
    }
    await using plane = await EmbeddedControlPlane.listen(options, keeperIn(dir));
    using again = await Member.join(plane, key);
    expect(again.id).toBe(id);
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });
    expect(plane.machines()).toMatchObject([{ id, lease: { instance: INSTANCE, generation: 1 } }]);
    await rm(dir, { recursive: true });
  });

  it("is known by the key that it was last certified for, and by the one before if the answer was lost", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    using renewed = await first.renewed(plane);
    for (const key of [renewed.key, first.key]) {
      using again = await Member.join(plane, key);
      expect(again.id).toBe(first.id);
    }
    // Nobody has the answer to this one.
    const lost = await KeyPair.generate();
    await renewed.renewFor(lost);
    using third = await renewed.renewed(plane);
    expect(await refusal(Member.join(plane, lost))).toMatchObject({ code: status.ALREADY_EXISTS });
    expect(await refusal(first.renewFor(await KeyPair.generate()))).toMatchObject({ code: status.UNAUTHENTICATED });
    using last = await Member.join(plane, third.key);
    expect(last.id).toBe(first.id);
  });

  it("stays of its project: for another its old self has to be forgotten first", async () => {
    let project: ProjectRef = APP;
    await using plane = await listen({ attestation: { accept, entitle: () => project } });
    using first = await Member.join(plane);
    project = { org: "acme", project: "other" };
    expect(await refusal(Member.join(plane, first.key))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining("forgotten") as string,
    });
    plane.forgetMachine(first.id);
    using moved = await Member.join(plane, first.key);
    expect(plane.machines().map(({ id, project: { ref } }) => ({ id, ref }))).toEqual([{ id: moved.id, ref: project }]);
  });
});

describe("a machine that lost its key", () => {
  it("waits as long as it is told, and is the next generation, as another machine", async () => {
    await using plane = await listen({ leaseMs: SHORT_MS });
    using before = await Member.join(plane);
    const stream = await attached(plane, before);
    const key = await KeyPair.generate();
    using after = await joinInTime(plane, key);
    expect(after.id).not.toBe(before.id);
    expect(plane.machines()).toMatchObject([{ id: after.id, lease: { instance: INSTANCE, generation: 2 } }]);
    expect(plane.machines().map(describeMachine)).toMatchObject([{ instance: INSTANCE, generation: 2 }]);
    expect(audited(plane, "generation-began")).toMatchObject([
      {
        instance: INSTANCE,
        holder: { machineId: after.id, generation: 2, keySha256: key.spkiSha256 },
        before: { machineId: before.id, generation: 1, keySha256: before.key.spkiSha256 },
      },
    ]);
    expect(await stream.ending()).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it("is let in at once after an ending in order, and until then the same key may come back", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    await says(plane, stream, Phase.STOPPING);
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });
    await stream.hangUp();

    const again = await attached(plane, first);
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });
    await says(plane, again, Phase.READY);
    await again.hangUp();
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });

    const last = await attached(plane, first);
    await says(plane, last, Phase.STOPPING);
    await last.hangUp();
    await plane.until(() => plane.machines().every(({ link }) => link === undefined));
    using next = await Member.join(plane);
    expect(plane.machines()).toMatchObject([{ id: next.id, lease: { generation: 2 } }]);
  });

  it("waits for an agent that is back before the stream of its last run has gone", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const before = await attached(plane, first);
    await says(plane, before, Phase.STOPPING);
    const after = first.attach();
    after.hello();
    await after.desired();
    expect(await before.ending()).toMatchObject({ code: status.ABORTED });
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });
    await after.hangUp();
  });

  it("need not wait after an ending in order that came before a restart of the control plane", async () => {
    const dir = await mkdtemp(join(tmpdir(), "instances-"));
    {
      await using plane = await EmbeddedControlPlane.listen({ ...TAKES_ALL, leaseMs: LONG_MS }, keeperIn(dir));
      using first = await Member.join(plane);
      const stream = await attached(plane, first);
      await says(plane, stream, Phase.STOPPING);
      await stream.hangUp();
      await plane.until(() => plane.machines().every(({ link }) => link === undefined));
    }
    await using plane = await EmbeddedControlPlane.listen({ ...TAKES_ALL, leaseMs: LONG_MS }, keeperIn(dir));
    using next = await Member.join(plane);
    expect(plane.machines()).toMatchObject([{ id: next.id, lease: { generation: 2 } }]);
    await rm(dir, { recursive: true });
  });

  it("waits as long for a machine that speaks, however long that was silent before", async () => {
    await using plane = await listen({ leaseMs: SHORT_MS, heartbeatMs: 50 });
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    for (let time = 0; time < 10; time += 1) {
      await sleep(SHORT_MS / 5);
      stream.send({ $case: "observed", value: ObservedState.fromPartial({ phase: Phase.READY }) });
      await stream.desired();
    }
    expect(await refusal(Member.join(plane))).toMatchObject({ code: status.ALREADY_EXISTS });
    await stream.hangUp();
  });
});

describe("the certificates of an earlier generation", () => {
  it.each<{ what: string; call: (before: Member) => Promise<ServiceError> }>([
    { what: "a renewal", call: async (before) => refusal(before.renewFor(await KeyPair.generate())) },
    {
      what: "a serving certificate",
      call: (before) => refusal(before.renew({ machineCsr: new Uint8Array(), servingCsr: new Uint8Array() })),
    },
    { what: "a stream", call: (before) => before.attach().ending() },
    {
      what: "a terminal",
      call: (before) =>
        new Promise((resolve) =>
          before.client
            .debugTerminal()
            .on("error", resolve)
            .on("data", () => undefined),
        ),
    },
    {
      what: "an archive",
      call: (before) =>
        new Promise((resolve) => before.client.uploadDiagnostics((error) => error !== null && resolve(error))),
    },
  ])("do not get $what", async ({ call }) => {
    await using plane = await listen({ leaseMs: SHORT_MS });
    using before = await Member.join(plane);
    using after = await joinInTime(plane, await KeyPair.generate());
    expect(await call(before)).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining(before.id) as string,
    });
    expect(plane.machines().map(({ id }) => id)).toEqual([after.id]);
  });

  it("do not get a stream either that was opened before, and greets after", async () => {
    await using plane = await listen({ leaseMs: SHORT_MS });
    using before = await Member.join(plane);
    const stream = before.attach();
    // Once a later call on the same connection is answered, the stream is there.
    (await before.renewed(plane))[Symbol.dispose]();
    using after = await joinInTime(plane, await KeyPair.generate());
    stream.hello();
    expect(await stream.ending()).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(plane.machines()).toMatchObject([{ id: after.id, attaches: 0 }]);
  });
});

describe("a machine that is refused for good", () => {
  it("does not come back with another key, until it is forgotten", async () => {
    await using plane = await listen({ leaseMs: SHORT_MS });
    using first = await Member.join(plane);
    plane.refuseMachine(first.id);
    await sleep(2 * SHORT_MS);
    for (const key of [await KeyPair.generate(), first.key]) {
      const refused = await refusal(Member.join(plane, key));
      expect(refused.code).toBe(status.PERMISSION_DENIED);
      expect(refused.metadata.get("builder-agent-refusal")).toEqual(["machine-refused"]);
    }
    plane.forgetMachine(first.id);
    using next = await Member.join(plane);
    expect(next.id).not.toBe(first.id);
  });
});

describe("a machine that is forgotten", () => {
  it("leaves its instance to whoever comes, at once, and its certificates are good for nothing", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const [known] = plane.machines();
    plane.drainMachines(APP, [first.id], { reason: "it is gone", graceMs: 0 });
    plane.forgetMachine(first.id);
    expect(plane.machines()).toEqual([]);
    expect(known?.project.kept().drains).toEqual([]);
    expect(await first.attach().ending()).toMatchObject({ code: status.UNAUTHENTICATED });
    using next = await Member.join(plane);
    expect(next.id).not.toBe(first.id);
    expect(audited(plane, "machine-forgotten")).toMatchObject([{ machineId: first.id, instance: INSTANCE }]);
  });

  it("may be one whose stream is still open, if nothing has come by it for as long as a lease lasts", async () => {
    await using plane = await listen({ leaseMs: SHORT_MS });
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    await sleep(SHORT_MS);
    plane.forgetMachine(first.id);
    expect(await stream.ending()).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it("is none that is attached, nor one that nobody knows", async () => {
    await using plane = await listen();
    using first = await Member.join(plane);
    const stream = await attached(plane, first);
    expect(() => plane.forgetMachine(first.id)).toThrow(`Machine ${first.id} is attached: drain it`);
    expect(() => plane.forgetMachine("m-0")).toThrow("No machine m-0 is registered here");
    await stream.hangUp();
  });
});

describe("the audit", () => {
  it("says why evidence was refused, which the machine is not told", async () => {
    await using plane = await listen({
      attestation: { accept, entitle: () => undefined },
    });
    const refused = await refusal(Member.join(plane));
    expect(refused.details).toBe("attestation.gcp_identity: not-allowed");
    expect(plane.audit()).toMatchObject([
      {
        event: "evidence-refused",
        kind: "gcpIdentity",
        address: "127.0.0.1",
        reason: `attestation.gcp_identity: not-allowed (${INSTANCE} is nobody's.)`,
      },
    ]);
  });

  it("holds the newest hundred of each event, so that a flood of one washes no other away", () => {
    const told: string[] = [];
    const audit = new Audit(Date.now, ({ event }) => told.push(event));
    audit.note({ event: "machine-forgotten", machineId: "m-1" });
    for (let time = 1; time <= 150; time += 1)
      audit.note({ event: "evidence-refused", kind: "oidcToken", address: `192.0.2.${time}`, reason: "no" });
    audit.note({ event: "evidence-refused", kind: "oidcToken", address: "192.0.2.150", reason: "no" });
    const entries = audit.entries();
    expect(entries.filter(({ event }) => event === "machine-forgotten")).toHaveLength(1);
    expect(entries.filter(({ event }) => event === "evidence-refused")).toHaveLength(100);
    expect(entries.at(-1)).toMatchObject({ address: "192.0.2.150", times: 2 });
    expect(told).toHaveLength(151);
  });
});
