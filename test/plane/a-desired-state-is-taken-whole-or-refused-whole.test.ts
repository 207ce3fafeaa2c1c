import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { beforeAll, describe, expect, it } from "vitest";
import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import {
  BuildPermission,
  type ClosedBuild,
  CloseReason,
  DesiredState,
  OpenBuild,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { Timestamp } from "../../agent/adapters/grpc/gen/google/protobuf/timestamp.ts";
import { messageFromPlane } from "../../agent/adapters/grpc/message-from-plane.ts";
import type { Grant } from "../../agent/core/allow-set.ts";
import { DEFAULT_EGRESS } from "../../agent/core/network/order.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { type DesiredChanges, desiredProto, received } from "./desired-sample.ts";

let ca: string;
let otherCa: string;
let leaf: string;
beforeAll(async () => {
  const authority = await CertificateAuthority.create({ name: "builds" });
  ca = authority.certPem;
  otherCa = (await CertificateAuthority.create({ name: "builds, rotated" })).certPem;
  leaf = (await authority.issue({ uriSans: ["spiffe://builds.example/x"] })).certPem;
});

describe("a desired state that keeps the contract", () => {
  it("has its trust bundle read once, for as long as it stays the same", () => {
    const casIn = (pem: string): unknown => {
      const message = received(desiredProto(pem));
      return message?.is === "desired" ? message.state.trust.buildCas : message;
    };
    const first = casIn(ca);
    expect(casIn(ca)).toBe(first);
    expect(casIn(leaf)).toMatchObject({ is: "malformed" });
    expect(casIn(leaf)).toMatchObject({ is: "malformed" });
    expect(casIn(ca)).toEqual([ca.trim()]);
    expect(casIn(otherCa)).toEqual([otherCa.trim()]);
  });

  it("arrives with every value right", () => {
    const drain = { reason: "interruption", grace: { seconds: 90n, nanos: 500_000_000 } };
    const state = desiredProto(`${ca}\n# rotated:\n${otherCa}`, {
      closedBuilds: [
        { buildId: "b-0", reason: CloseReason.ENDED },
        { buildId: "b-00", reason: CloseReason.REVOKED },
      ],
      buildkit: {
        reservedSpaceBytes: 1n,
        maxUsedSpaceBytes: 2n ** 50n,
        minFreeSpaceBytes: 3n,
        maxParallelism: 4,
        registryMirrors: { "docker.io": { mirrors: ["mirror.example:5000", "cache.example/docker.io"] } },
        historyMaxAge: { seconds: 3_600n, nanos: 0 },
        stepLogMaxBytes: 5n,
        stepLogMaxBytesPerSecond: 2n ** 31n - 1n,
      },
      drain,
    });
    expect(received(state)).toEqual({
      is: "desired",
      state: {
        revision: 7n,
        epoch: "e",
        sentAtMs: Date.parse("2031-02-03T04:05:06.789Z"),
        trust: { trustDomain: "builds.example", buildCas: [ca.trim(), otherCa.trim()] },
        assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
        grants: new Map([
          ["b-1", grant("b-1", "2031-02-03T05:00:00.500Z")],
          [
            "b-2",
            {
              ...grant("b-2", "2031-02-03T06:00:00Z"),
              keySpkiSha256: "ab".repeat(32),
              permissions: ["build", "history"],
              contextGroup: "main",
            },
          ],
        ]),
        closed: new Map([
          ["b-0", "ended"],
          ["b-00", "revoked"],
        ]),
        buildkit: {
          reservedSpaceBytes: 1,
          maxUsedSpaceBytes: 2 ** 50,
          minFreeSpaceBytes: 3,
          maxParallelism: 4,
          registryMirrors: new Map([["docker.io", ["mirror.example:5000", "cache.example/docker.io"]]]),
          historyMaxAgeMs: 3_600_000,
          stepLogMaxBytes: 5,
          stepLogMaxBytesPerSecond: 2 ** 31 - 1,
        },
        drain: { reason: "interruption", graceMs: 90_500 },
        egress: DEFAULT_EGRESS,
        debugGrants: [],
        asksFor: [],
      },
    });
  });

  it("needs no more than revision, trust bundle and assignment", () => {
    expect(received(desiredProto(ca, { epoch: "", sentAt: undefined, openBuilds: [] }))).toEqual({
      is: "desired",
      state: {
        revision: 7n,
        epoch: "",
        trust: { trustDomain: "builds.example", buildCas: [ca.trim()] },
        assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
        grants: new Map(),
        closed: new Map(),
        buildkit: {
          reservedSpaceBytes: 0,
          maxUsedSpaceBytes: 0,
          minFreeSpaceBytes: 0,
          maxParallelism: 0,
          registryMirrors: new Map(),
          historyMaxAgeMs: 24 * 3_600_000,
          stepLogMaxBytes: 0,
          stepLogMaxBytesPerSecond: 0,
        },
        egress: DEFAULT_EGRESS,
        debugGrants: [],
        asksFor: [],
      },
    });
  });

  const unsupported: readonly [string, DesiredChanges][] = [
    ["cache-volume", { cacheVolume: { volumeId: "v" } }],
    ["tailnet", { tailnet: { grantId: "g" } }],
    ["debug-terminal", { debugGrants: [{ grantId: "g" }] }],
    ["diagnostics", { diagnosticsRequests: [{ requestId: "r" }] }],
    ["egress", { egress: {} }],
  ];
  it.each(unsupported)("names %s as something that this agent cannot do, and does the rest", (capability, changes) => {
    expect(received(desiredProto(ca, changes))).toMatchObject({ is: "desired", state: { asksFor: [capability] } });
  });

  it("may say things for the record that are not understood: they are left out", () => {
    // As a newer control plane would send it: a reason that this agent does not know.
    const unknown = 9 as CloseReason;
    const closedBuilds: ClosedBuild[] = [
      { buildId: "b-0", reason: unknown },
      { buildId: "b-3", reason: 0 },
      { buildId: "../..", reason: 1 },
      { buildId: "b-4", reason: 2 },
    ];
    expect(received(desiredProto(ca, { closedBuilds }))).toMatchObject({
      is: "desired",
      state: { closed: new Map([["b-4", "revoked"]]) },
    });
    const { message } = messageFromPlane(desiredBytes((writer) => writer.uint32(tag(3)).bytes(NO_DATE)));
    expect(message).toMatchObject({ is: "desired", state: { revision: 7n } });
    expect(message).not.toHaveProperty("state.sentAtMs");
  });

  function grant(buildId: string, expiresAt: string): Grant {
    return { buildId, orgId: "acme", projectId: "app", expiresAtMs: Date.parse(expiresAt) };
  }
});

describe("a desired state that breaks the contract", () => {
  const build = { buildId: "b-9", orgId: "acme", projectId: "app", expiresAt: new Date("2031-01-01T00:00:00Z") };
  const assignment = { orgId: "acme", projectId: "app", architecture: "amd64" };
  const trustBundle = (buildCaCertificates: string) => ({ trustDomain: "builds.example", buildCaCertificates });

  const cases: readonly [string, () => DesiredChanges, string][] = [
    ["no revision", () => ({ revision: 0n }), "Revision 0: revision is missing"],
    ["no trust bundle", () => ({ trustBundle: undefined }), "Revision 7: trust_bundle is missing"],
    ["no trust domain", () => ({ trustBundle: { buildCaCertificates: ca } }), "trust_bundle.trust_domain"],
    [
      "a trust domain with a scheme",
      () => ({ trustBundle: { ...trustBundle(ca), trustDomain: "spiffe://builds.example" } }),
      'trust_bundle.trust_domain is "spiffe://builds.example", not a trust domain',
    ],
    ["no CA", () => ({ trustBundle: trustBundle("") }), "trust_bundle.build_ca_certificates is not a PEM bundle"],
    [
      "a CA that was cut off",
      () => ({ trustBundle: trustBundle(ca.slice(0, -30)) }),
      "build_ca_certificates is not a PEM bundle",
    ],
    [
      "a second CA that does not parse",
      () => ({ trustBundle: trustBundle(`${ca}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`) }),
      "holds a certificate (number 2) that does not parse",
    ],
    ["a leaf among the CAs", () => ({ trustBundle: trustBundle(ca + leaf) }), "(number 2) that is not a CA's"],
    ["no assignment", () => ({ assignment: undefined }), "assignment is missing"],
    ["no org", () => ({ assignment: { ...assignment, orgId: "" } }), "assignment.org_id is missing"],
    [
      "a project that is no id",
      () => ({ assignment: { ...assignment, projectId: "a/b" } }),
      'assignment.project_id is "a/b", not an id',
    ],
    [
      "no architecture",
      () => ({ assignment: { ...assignment, architecture: "" } }),
      "assignment.architecture is missing",
    ],
    [
      "a build without an id",
      () => ({ openBuilds: [{ ...build, buildId: "" }] }),
      "open_builds[0].build_id is missing",
    ],
    [
      "a build whose id is a path",
      () => ({ openBuilds: [build, { ...build, buildId: "../../etc" }] }),
      'open_builds[1].build_id is "../../etc", not an id',
    ],
    [
      "a build whose id is very long",
      () => ({ openBuilds: [{ ...build, buildId: "x".repeat(1_000) }] }),
      `open_builds[0].build_id is "${"x".repeat(60)}…", not an id`,
    ],
    [
      "a build twice",
      () => ({ openBuilds: [build, { ...build, expiresAt: new Date("2032-01-01T00:00:00Z") }] }),
      'open_builds[1].build_id "b-9" comes twice',
    ],
    [
      "a build of another org",
      () => ({ openBuilds: [{ ...build, orgId: "evil" }] }),
      'open_builds[0].org_id is "evil", but the machine is assigned to "acme"',
    ],
    [
      "a build of another project",
      () => ({ openBuilds: [{ ...build, projectId: "other" }] }),
      'open_builds[0].project_id is "other", but the machine is assigned to "app"',
    ],
    [
      "a build without an end",
      () => ({ openBuilds: [{ ...build, expiresAt: undefined }] }),
      "open_builds[0].expires_at is missing",
    ],
    [
      "a key's digest of the wrong length",
      () => ({ openBuilds: [{ ...build, keySpkiSha256: Buffer.alloc(31) }] }),
      "open_builds[0].key_spki_sha256 has 31 bytes, not 32",
    ],
    [
      "a permission that says nothing",
      () => ({ openBuilds: [{ ...build, permissions: { allowed: [BuildPermission.UNSPECIFIED] } }] }),
      "open_builds[0].permissions has an unspecified permission",
    ],
    [
      "a group of builds that is no id",
      () => ({ openBuilds: [{ ...build, contextGroup: "a/b" }] }),
      "open_builds[0].context_group",
    ],
    [
      "a history that is kept for seconds",
      () => ({ buildkit: { historyMaxAge: { seconds: 59n, nanos: 0 } } }),
      "buildkit.history_max_age is 59 s, less than a minute",
    ],
    [
      "a size beyond what numbers hold",
      () => ({ buildkit: { maxUsedSpaceBytes: 2n ** 63n } }),
      "buildkit.max_used_space_bytes is 9223372036854775808, too large",
    ],
    [
      "a step's log larger than BuildKit counts",
      () => ({ buildkit: { stepLogMaxBytes: 2n ** 31n } }),
      "buildkit.step_log_max_bytes is 2147483648, more than the limit of 2147483647",
    ],
    [
      "a mirror for something that is no host",
      () => ({ buildkit: { registryMirrors: { '"]\n[worker.oci]': { mirrors: ["m.example"] } } } }),
      "buildkit.registry_mirrors names",
    ],
    [
      "a mirror that is no host",
      () => ({ buildkit: { registryMirrors: { "docker.io": { mirrors: ["ok.example", 'a"]'] } } } }),
      'buildkit.registry_mirrors gives "docker.io" the mirror "a\\"]", not a host',
    ],
    [
      "a drain that ends before it starts",
      () => ({ drain: { reason: "r", grace: { seconds: -1n, nanos: 0 } } }),
      "drain.grace is not between 0 and 604800 s",
    ],
    [
      "a drain without an end in sight",
      () => ({ drain: { reason: "r", grace: { seconds: 2n ** 62n, nanos: 0 } } }),
      "drain.grace is not between 0 and 604800 s",
    ],
  ];
  it.each(cases)("is refused with the field's name: %s", (_name, changes, because) => {
    const state = desiredProto(ca, changes());
    expect(received(state)).toEqual({
      is: "malformed",
      revision: state.revision,
      because: expect.stringContaining(because) as string,
    });
  });

  it("is refused for a time that no clock can show", () => {
    const nothing = { expiresAt: undefined, keySpkiSha256: new Uint8Array(), permissions: undefined, contextGroup: "" };
    const openBuild = OpenBuild.encode({ ...build, ...nothing });
    openBuild.uint32(tag(4)).bytes(NO_DATE);
    const bytes = desiredBytes((writer) => writer.uint32(tag(6)).bytes(openBuild.finish()));
    expect(messageFromPlane(bytes).message).toMatchObject({
      is: "malformed",
      revision: 7n,
      because: "Revision 7: open_builds[0].expires_at is not a time",
    });
  });
});

describe("a message that this agent does not know", () => {
  it("is ignored, with each field that it does not know counted", () => {
    const state = AttachResponse.encode({ message: { $case: "desired", value: desiredProto(ca) } }).finish();
    // Field 100, a string, beside the state; and a message of a kind of its own.
    const extra = new BinaryWriter().uint32(tag(100)).string("hi").finish();
    expect(messageFromPlane(Buffer.concat([state, extra]))).toMatchObject({
      message: { is: "desired" },
      unknownFields: 1,
    });
    expect(messageFromPlane(extra)).toEqual({ unknownFields: 1 });
    expect(messageFromPlane(state).unknownFields).toBe(0);
  });

  it("costs no stream when it is not protobuf at all", () => {
    expect(messageFromPlane(Buffer.from([0x0a, 0xff]))).toEqual({
      message: { is: "malformed", revision: 0n, because: "The message is not a readable AttachResponse" },
      unknownFields: 0,
    });
  });
});

/** A google.protobuf.Timestamp beyond what a Date can hold. */
const NO_DATE = Timestamp.encode({ seconds: 2n ** 62n, nanos: 0 }).finish();

/** A field with a length. */
function tag(field: number): number {
  return (field << 3) | 2;
}

/** What no typed message can say, appended to a good state. */
function desiredBytes(append: (writer: BinaryWriter) => void): Uint8Array {
  const state = DesiredState.encode(desiredProto(ca, { openBuilds: [], sentAt: undefined }));
  append(state);
  return new BinaryWriter().uint32(tag(1)).bytes(state.finish()).finish();
}
