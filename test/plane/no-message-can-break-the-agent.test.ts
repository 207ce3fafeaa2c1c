import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { DesiredState } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { messageFromPlane } from "../../agent/adapters/grpc/message-from-plane.ts";
import { isId } from "../../agent/core/build-identity.ts";
import { CONTRACT_LIMITS } from "../../agent/core/contract-limits.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { desiredProto, received } from "./desired-sample.ts";

let ca: string;
beforeAll(async () => {
  ca = (await CertificateAuthority.create({ name: "builds" })).certPem;
});

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyText = fc.string({ unit: "binary", maxLength: 140 });

/** Right 15 times of 16: a state has many parts, and one that is wrong is enough. */
function mostly<T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

function id(...right: string[]): fc.Arbitrary<string> {
  return mostly(fc.constantFrom(...right), anyText);
}

const date = fc.date({ noInvalidDate: true });
const openBuild = fc.record({
  buildId: id("b-1", "b-2", "b-3", "b-4", "b-5", "b-6", "b-7", "b-8"),
  orgId: id("acme"),
  projectId: id("app"),
  expiresAt: mostly(date, fc.constant(undefined)),
  keySpkiSha256: mostly(
    fc.constantFrom(new Uint8Array(), new Uint8Array(32).fill(7)),
    fc.uint8Array({ maxLength: 40 }),
  ),
});
const grace = fc.record({
  seconds: mostly(fc.bigInt({ min: 0n, max: 900n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nanos: mostly(fc.nat({ max: 999_999_999 }), fc.integer({ min: -999_999_999, max: 999_999_999 })),
});
const host = id("docker.io", "mirror.example:5000", "[::1]:5000");

/** States whose every part may be right, wrong or absent. */
const state = fc
  .record(
    {
      revision: mostly(uint64, fc.constant(0n)),
      epoch: anyText,
      sentAt: date,
      assignment: mostly(
        fc.record({ orgId: id("acme"), projectId: id("app"), architecture: id("amd64", "arm64") }),
        fc.constant(undefined),
      ),
      openBuilds: fc.array(openBuild, { maxLength: 4 }),
      closedBuilds: fc.array(fc.record({ buildId: id("z"), reason: fc.constantFrom(0, 1, 2) }), { maxLength: 3 }),
      buildkit: fc.record({
        reservedSpaceBytes: mostly(fc.bigInt({ min: 0n, max: 2n ** 50n }), uint64),
        maxParallelism: fc.nat(),
        registryMirrors: fc.dictionary(host, fc.record({ mirrors: fc.array(host, { maxLength: 2 }) }), { maxKeys: 2 }),
      }),
      drain: fc.record({ reason: anyText, grace: fc.option(grace, { nil: undefined }) }),
      trustDomain: id("builds.example"),
      pem: mostly(fc.constantFrom("good", "good twice"), fc.constantFrom("", "nonsense")),
    },
    { requiredKeys: [] },
  )
  .map(({ trustDomain, pem, ...rest }) => {
    const bundle = { trustDomain: trustDomain ?? "builds.example", buildCaCertificates: pemOf(pem ?? "good") };
    return desiredProto(ca, { ...rest, trustBundle: bundle });
  });

function pemOf(kind: string): string {
  return { good: ca, "good twice": ca + ca, nonsense: "nonsense" }[kind] ?? "";
}

function isOneSentence(because: string, revision: bigint): boolean {
  return because.startsWith(`Revision ${revision}: `) && !because.includes("\n");
}

describe("whatever the control plane sends", () => {
  it("is a good state in which every value is right, or is malformed with a reason", () => {
    let good = 0;
    fc.assert(
      fc.property(state, (sent) => {
        const message = received(sent);
        if (message?.is === "malformed") return isOneSentence(message.because, sent.revision);
        if (message?.is !== "desired") return false;
        good += 1;
        const { grants, assignment, drain, buildkit } = message.state;
        expect(grants.size).toBe(sent.openBuilds.length);
        for (const [buildId, grant] of grants) {
          expect(isId(buildId) && grant.buildId === buildId).toBe(true);
          expect([grant.orgId, grant.projectId]).toEqual([assignment.orgId, assignment.projectId]);
          expect(Number.isFinite(grant.expiresAtMs)).toBe(true);
          expect(grant.keySpkiSha256 ?? "0".repeat(64)).toMatch(/^[0-9a-f]{64}$/);
        }
        expect(drain?.graceMs ?? 0).toBeGreaterThanOrEqual(0);
        expect(Number.isSafeInteger(buildkit.reservedSpaceBytes)).toBe(true);
        return true;
      }),
      { numRuns: 2_000 },
    );
    expect(good).toBeGreaterThan(200);
  });

  it("never throws for bytes that were damaged on the way", () => {
    fc.assert(
      fc.property(state, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat(), (sent, damage, cut) => {
        const whole = AttachResponse.encode({ message: { $case: "desired", value: sent } }).finish();
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of damage) bytes[at % bytes.length] = value;
        const { message } = messageFromPlane(bytes.subarray(0, cut % 2 === 0 ? bytes.length : cut % bytes.length));
        expect(["desired", "malformed", "records-ack", undefined]).toContain(message?.is);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never throws for bytes that are anything", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        messageFromPlane(bytes);
        messageFromPlane(Uint8Array.from([0x0a, Math.min(bytes.length, 127), ...bytes.subarray(0, 127)]));
      }),
      { numRuns: 5_000 },
    );
  });

  it("makes no objects of more than a message may hold, whatever they are", () => {
    const bytes = 8 * 2 ** 20;
    for (const [field, name] of [
      [6, "builds"],
      [7, "closed builds"],
      [11, "grants"],
      [12, "requests"],
      [99, "what nobody knows"],
    ] as const) {
      const head = Buffer.from([0x0a, 0x80, 0x80, 0x80, bytes >> 21]);
      const tag = field < 16 ? [(field << 3) | 2] : [((field << 3) & 0x7f) | 2 | 0x80, field >> 4];
      const message = Buffer.concat([head, Buffer.alloc(bytes, Buffer.from([...tag, 0]))]);
      const because = `The message has more than ${CONTRACT_LIMITS.messageNumbers} values`;
      expect([name, messageFromPlane(message).message]).toEqual([name, { is: "malformed", revision: 0n, because }]);
    }
  });

  it("says the same after any fields that a newer control plane adds", () => {
    fc.assert(
      fc.property(state, fc.integer({ min: 1_000, max: 500_000 }), fc.uint8Array(), (sent, field, value) => {
        const writer = DesiredState.encode(sent);
        writer.uint32((field << 3) | 2).bytes(value);
        const bytes = AttachResponse.encode({ message: undefined }).uint32(10).bytes(writer.finish()).finish();
        expect(messageFromPlane(bytes)).toEqual({ message: received(sent), unknownFields: 1 });
      }),
      { numRuns: 300 },
    );
  });
});
