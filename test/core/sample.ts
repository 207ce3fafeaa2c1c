import type { AllowSet, Grant } from "../../agent/core/allow-set.ts";
import type { CertificateFacts, PeerFacts } from "../../agent/core/authorise.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { Instant } from "../../agent/core/instant.ts";
import { DEFAULT_EGRESS } from "../../agent/core/network/order.ts";
import type { OpenedVolume } from "../../agent/core/volume/order.ts";

/** One machine, one build, one moment: each table changes what it is about. */
export const NOW: Instant = { wallMs: Date.parse("2026-11-21T12:00:00Z"), monoMs: 500_000 };
const MINUTE_MS = 60_000;

export function grant(over: Partial<Grant> = {}): Grant {
  return { buildId: "b1", orgId: "acme", projectId: "app", expiresAtMs: NOW.wallMs + 30 * MINUTE_MS, ...over };
}

export function allowSet(over: Partial<AllowSet> = {}): AllowSet {
  return {
    revision: 7n,
    epoch: "e",
    trustDomain: "builds.example",
    buildCas: ["-"],
    grants: new Map([["b1", grant()]]),
    closed: new Map(),
    admission: { at: "open" },
    confirmedAt: { wallMs: NOW.wallMs - 1_000, monoMs: NOW.monoMs - 1_000 },
    ...over,
  };
}

export function certificate(over: Partial<CertificateFacts> = {}): CertificateFacts {
  return {
    serial: "0A",
    uriSans: ["spiffe://builds.example/org/acme/project/app/build/b1"],
    isCa: false,
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
    notBeforeMs: NOW.wallMs - MINUTE_MS,
    notAfterMs: NOW.wallMs + 60 * MINUTE_MS,
    spkiSha256: "aa".repeat(32),
    ...over,
  };
}

export function peer(over: Partial<PeerFacts> = {}): PeerFacts {
  return { protocol: "TLSv1.3", sessionReused: false, certificate: certificate(), ...over };
}

export function desiredState(over: Partial<DesiredState> = {}): DesiredState {
  return {
    revision: 7n,
    epoch: "e",
    trust: { trustDomain: "builds.example", buildCas: ["-"] },
    assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
    grants: new Map([["b1", grant()]]),
    closed: new Map(),
    buildkit: {
      reservedSpaceBytes: 0,
      maxUsedSpaceBytes: 0,
      minFreeSpaceBytes: 0,
      maxParallelism: 0,
      registryMirrors: new Map(),
    },
    egress: DEFAULT_EGRESS,
    asksFor: [],
    ...over,
  };
}

export function openedVolume(over: Partial<OpenedVolume> = {}): OpenedVolume {
  return {
    encrypted: true,
    device: "/dev/disk/by-id/nvme-cache",
    volumeId: "v-1",
    kind: "kept",
    filesystem: "ext4",
    formatted: false,
    check: "not-needed",
    grownBytes: 0,
    steps: [],
    takenOver: false,
    ...over,
  };
}
