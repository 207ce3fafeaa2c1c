import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AttachRequest } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import {
  BuildRefusalCode,
  DebugTerminalState,
  SessionEnding as EndingProto,
  EndOrderSource,
  Phase as PhaseProto,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { messageToPlane } from "../../agent/adapters/grpc/message-to-plane.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import type { Phase } from "../../agent/core/phase.ts";
import type { RefusalReason } from "../../agent/core/refused-builds.ts";
import type { SessionEnding, SessionSummary } from "../../agent/core/session.ts";
import type { ToPlane } from "../../agent/ports/control-plane.ts";
import { checkResult } from "../core/sample.ts";

function overTheWire(message: ToPlane): AttachRequest["message"] {
  return AttachRequest.decode(AttachRequest.encode(messageToPlane(message)).finish()).message;
}

const OBSERVED: ObservedState = {
  observedAtMs: 1_900_000_000_123,
  head: {},
  troubles: [],
  phase: { at: "ready" },
  appliedRevision: 12n,
  appliedEpoch: "e",
  refused: { revision: 13n, because: "trust_bundle is missing" },
  builds: new Map([["b-1", 2]]),
  refusedBuilds: [
    { buildId: "b-2", why: { code: "draining" }, message: "This machine is draining: interruption" },
    { buildId: "b-3", why: { code: "not-ready", check: "disk" }, message: "Full" },
  ],
  checks: [checkResult({ name: "disk", state: "failed", message: "Full", sinceMs: 1_900_000_000_001 })],
  loops: [],
  resources: {
    memoryAvailableBytes: 1,
    load1m: 0.25,
    cacheSizeBytes: 2 ** 45,
    cacheFreeBytes: 3,
    cacheInodes: 2 ** 33,
    cacheFreeInodes: 4,
  },
  cache: {
    encrypted: true,
    device: "/dev/disk/by-id/nvme-cache",
    volumeId: "v-1",
    kind: "per-boot",
    filesystem: "ext4",
    formatted: true,
    check: "rebuilt",
    grownBytes: 2 ** 40,
    takenOver: false,
    steps: [{ name: "format", tookMs: 1200 }],
  },
  debugTerminals: [
    { grantId: "g-1", state: "refused", reason: "used", message: "It was used before." },
    { grantId: "g-2", state: "open", reason: "", message: "" },
  ],
  notices: [
    {
      kind: "aws-spot-terminate",
      heardAt: { wallMs: 1_900_000_000_000, monoMs: 1 },
      dueAt: { wallMs: 1_900_000_120_000, monoMs: 120_001 },
    },
    { kind: "azure-freeze", id: "E-1", heardAt: { wallMs: 1_900_000_000_000, monoMs: 1 } },
  ],
  ending: {
    at: "cache",
    deadlineMs: 1_900_000_600_000,
    deadlineOf: "provider",
    orders: [
      { from: "control-plane", reason: "rolling update", deadlineMs: 1_900_000_900_000 },
      { from: "provider", reason: "spot", deadlineMs: 1_900_000_600_000 },
    ],
    steps: [
      { name: "draining", ended: "done", tookMs: 1_234 },
      { name: "buildkit", ended: "given-up", tookMs: 20_000 },
    ],
  },
  bootChapters: [
    { name: "register", beganMs: 0, tookMs: 250 },
    { name: "cache-volume", beganMs: 250, tookMs: 1_500 },
  ],
  buildkit: { version: "v0.33.1", restarts: 4, lastExit: "exit code 1", quarantined: "cache.db" },
  certificates: { machineNotAfterMs: 1_900_000_100_000, lastRenewalError: "no" },
  counters: { sessionsAccepted: 5, sessionsRefused: 6, messagesRefused: 7 },
};

const SUMMARY: SessionSummary = {
  sessionId: "s-1",
  build: { orgId: "acme", projectId: "app", buildId: "b-1" },
  peer: "[::1]:54321",
  certificateSerial: "0a",
  keySpkiSha256: "cd".repeat(32),
  openedAtMs: 1_900_000_000_123,
  durationMs: 61_500,
  bytesFromClient: 2 ** 40,
  bytesToClient: 0,
  refusedCalls: 3,
  ending: "client-closed",
  detail: "",
};

describe("observed state", () => {
  it("arrives whole", () => {
    expect(overTheWire({ is: "observed", state: OBSERVED })).toEqual({
      $case: "observed",
      value: {
        observedAt: new Date(1_900_000_000_123),
        phase: PhaseProto.READY,
        phaseReason: "",
        appliedRevision: 12n,
        appliedEpoch: "e",
        refusedRevision: 13n,
        refusedReason: "trust_bundle is missing",
        builds: [{ buildId: "b-1", openSessions: 2 }],
        refusedBuilds: [
          {
            buildId: "b-2",
            code: BuildRefusalCode.DRAINING,
            condition: "",
            message: "This machine is draining: interruption",
          },
          { buildId: "b-3", code: BuildRefusalCode.NOT_READY, condition: "disk", message: "Full" },
        ],
        conditions: [{ name: "disk", ok: false, blocking: true, message: "Full", since: new Date(1_900_000_000_001) }],
        resources: {
          memoryAvailableBytes: 1n,
          load1m: 0.25,
          cacheSizeBytes: 2n ** 45n,
          cacheFreeBytes: 3n,
          cacheInodes: 2n ** 33n,
          cacheFreeInodes: 4n,
        },
        cacheVolume: {
          volumeId: "v-1",
          device: "/dev/disk/by-id/nvme-cache",
          filesystem: "ext4",
          encrypted: true,
          formatted: true,
          check: "rebuilt",
          grownBytes: 2n ** 40n,
        },
        debugTerminals: [
          {
            grantId: "g-1",
            state: DebugTerminalState.REFUSED,
            reason: "used",
            message: "It was used before.",
          },
          { grantId: "g-2", state: DebugTerminalState.OPEN, reason: "", message: "" },
        ],
        platformNotices: [
          {
            platform: "aws",
            kind: "spot-terminate",
            id: "",
            endsMachine: true,
            heardAt: new Date(1_900_000_000_000),
            dueAt: new Date(1_900_000_120_000),
            message: "EC2 takes this spot instance back at 2030-03-17T17:48:40Z",
          },
          {
            platform: "azure",
            kind: "freeze",
            id: "E-1",
            endsMachine: false,
            heardAt: new Date(1_900_000_000_000),
            dueAt: undefined,
            message: "Azure pauses this machine for some seconds",
          },
        ],
        ending: {
          at: "cache",
          deadline: new Date(1_900_000_600_000),
          deadlineOf: EndOrderSource.PROVIDER,
          orders: [
            { source: EndOrderSource.CONTROL_PLANE, reason: "rolling update", deadline: new Date(1_900_000_900_000) },
            { source: EndOrderSource.PROVIDER, reason: "spot", deadline: new Date(1_900_000_600_000) },
          ],
          steps: [
            { name: "draining", outcome: "done", took: { seconds: 1n, nanos: 234_000_000 } },
            { name: "buildkit", outcome: "given-up", took: { seconds: 20n, nanos: 0 } },
          ],
        },
        bootChapters: [
          { name: "register", began: { seconds: 0n, nanos: 0 }, took: { seconds: 0n, nanos: 250_000_000 } },
          {
            name: "cache-volume",
            began: { seconds: 0n, nanos: 250_000_000 },
            took: { seconds: 1n, nanos: 500_000_000 },
          },
        ],
        buildkit: { version: "v0.33.1", restarts: 4, lastExit: "exit code 1", quarantined: "cache.db" },
        certificates: {
          machineNotAfter: new Date(1_900_000_100_000),
          servingNotAfter: undefined,
          lastRenewalError: "no",
        },
        counters: { sessionsAccepted: 5n, sessionsRefused: 6n, messagesRefused: 7n },
      },
    });
  });

  const phases: readonly [Phase, PhaseProto, string][] = [
    [{ at: "starting" }, PhaseProto.STARTING, ""],
    [{ at: "ready" }, PhaseProto.READY, ""],
    [{ at: "degraded", because: ["disk"] }, PhaseProto.DEGRADED, ""],
    [{ at: "draining", reason: "interruption", deadlineWallMs: 1 }, PhaseProto.DRAINING, "interruption"],
    [{ at: "stopping", reason: "told to" }, PhaseProto.STOPPING, "told to"],
  ];
  it.each(phases)("tells the phase: $at", (phase, proto, reason) => {
    expect(overTheWire({ is: "observed", state: { ...OBSERVED, phase } })).toMatchObject({
      value: { phase: proto, phaseReason: reason },
    });
  });

  it("tells of no applied revision while it does not know which builds it refuses", () => {
    const { refusedBuilds: _, ...unknown } = OBSERVED;
    expect(overTheWire({ is: "observed", state: unknown })).toMatchObject({
      value: { appliedRevision: 0n, appliedEpoch: "", refusedBuilds: [] },
    });
  });

  const refusals: readonly [RefusalReason, BuildRefusalCode][] = [
    [{ code: "draining" }, BuildRefusalCode.DRAINING],
    [{ code: "stopping" }, BuildRefusalCode.STOPPING],
    [{ code: "expired" }, BuildRefusalCode.EXPIRED],
    [{ code: "not-ready", check: "buildkit" }, BuildRefusalCode.NOT_READY],
  ];
  it.each(refusals)("tells why a build is refused: $code", (why, code) => {
    const refusedBuilds = [{ buildId: "b-1", why, message: "" }];
    expect(overTheWire({ is: "observed", state: { ...OBSERVED, refusedBuilds } })).toMatchObject({
      value: { refusedBuilds: [{ code }] },
    });
  });

  it("is sent whatever was measured: no number keeps the agent from reporting", () => {
    const number = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.constantFrom(-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 64),
    );
    fc.assert(
      fc.property(fc.infiniteStream(number), (numbers) => {
        const any = (): number => numbers.next().value as number;
        const sent = overTheWire({
          is: "observed",
          state: {
            ...OBSERVED,
            observedAtMs: any(),
            builds: new Map([["b", any()]]),
            checks: [checkResult({ name: "disk", sinceMs: any() })],
            resources: {
              memoryAvailableBytes: any(),
              load1m: any(),
              cacheSizeBytes: any(),
              cacheFreeBytes: any(),
              cacheInodes: any(),
              cacheFreeInodes: any(),
            },
            buildkit: { version: "", restarts: any(), lastExit: "", quarantined: "" },
            certificates: { machineNotAfterMs: any(), servingNotAfterMs: any(), lastRenewalError: "" },
            counters: { sessionsAccepted: any(), sessionsRefused: any(), messagesRefused: any() },
          },
        });
        expect(sent?.$case).toBe("observed");
      }),
    );
  });
});

describe("session records", () => {
  it("arrive whole, under their boot and number", () => {
    const records = [{ sequence: 2n ** 60n, summary: SUMMARY }];
    expect(overTheWire({ is: "records", bootId: "boot-1", records })).toEqual({
      $case: "records",
      value: {
        bootId: "boot-1",
        records: [
          {
            sequence: 2n ** 60n,
            sessionId: "s-1",
            orgId: "acme",
            projectId: "app",
            buildId: "b-1",
            peer: "[::1]:54321",
            certificateSerial: "0a",
            keySpkiSha256: new Uint8Array(32).fill(0xcd),
            openedAt: new Date(1_900_000_000_123),
            duration: { seconds: 61n, nanos: 500_000_000 },
            bytesFromClient: 2n ** 40n,
            bytesToClient: 0n,
            refusedCalls: 3,
            ending: EndingProto.CLIENT_CLOSED,
            detail: "",
          },
        ],
      },
    });
  });

  const endings: readonly [SessionEnding, EndingProto][] = [
    ["client-closed", EndingProto.CLIENT_CLOSED],
    ["buildkit-closed", EndingProto.BUILDKIT_CLOSED],
    ["client-error", EndingProto.CLIENT_ERROR],
    ["buildkit-error", EndingProto.BUILDKIT_ERROR],
    ["build-ended", EndingProto.BUILD_ENDED],
    ["build-revoked", EndingProto.BUILD_REVOKED],
    ["grant-expired", EndingProto.GRANT_EXPIRED],
    ["certificate-expired", EndingProto.CERTIFICATE_EXPIRED],
    ["ca-withdrawn", EndingProto.CA_WITHDRAWN],
    ["drain-deadline", EndingProto.DRAIN_DEADLINE],
    ["gateway-lost", EndingProto.GATEWAY_LOST],
    ["other", EndingProto.UNSPECIFIED],
  ];
  it.each(endings)("tell the ending: %s", (ending, proto) => {
    const records = [{ sequence: 1n, summary: { ...SUMMARY, ending } }];
    expect(overTheWire({ is: "records", bootId: "b", records })).toMatchObject({
      value: { records: [{ ending: proto }] },
    });
  });

  it("keep every duration to the millisecond", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), (durationMs) => {
        const message = overTheWire({
          is: "records",
          bootId: "b",
          records: [{ sequence: 1n, summary: { ...SUMMARY, durationMs } }],
        });
        const duration = message?.$case === "records" ? message.value.records[0]?.duration : undefined;
        expect(Number(duration?.seconds) * 1_000 + (duration?.nanos ?? 0) / 1_000_000).toBe(durationMs);
      }),
    );
  });
});
