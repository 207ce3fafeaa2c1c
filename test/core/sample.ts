import type { AllowSet, Grant } from "../../agent/core/allow-set.ts";
import type { CertificateFacts, PeerFacts } from "../../agent/core/authorise.ts";
import type { MountSeen } from "../../agent/core/cache-filesystem.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { IDLE_RELIEF } from "../../agent/core/disk-relief.ts";
import type { CheckResult } from "../../agent/core/health.ts";
import type { Instant } from "../../agent/core/instant.ts";
import type { Fixed, Known } from "../../agent/core/known.ts";
import { DEFAULT_EGRESS } from "../../agent/core/network/order.ts";
import { NO_BUILDKIT, NO_PLANE } from "../../agent/core/views.ts";
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
    key: { kind: "ec", curve: "prime256v1" },
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
      historyMaxAgeMs: 86_400_000,
      stepLogMaxBytes: 0,
      stepLogMaxBytesPerSecond: 0,
    },
    egress: DEFAULT_EGRESS,
    debugGrants: [],
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

export const CACHE_MOUNT: MountSeen = {
  mountPoint: "/var/lib/builder-agent/cache",
  device: "254:0",
  root: "/",
  source: "/dev/mapper/builder-agent-cache",
  filesystem: "ext4",
  options: ["rw", "noatime", "discard"],
};

/** What is known on a machine that is well. */
export const WELL: Known = {
  gateway: { at: "here", runId: "g1", listening: true, open: new Map(), servingNotAfterMs: NOW.wallMs + 1 },
  buildkit: { ...NO_BUILDKIT, at: "ready" },
  step: { at: "ran", atMs: NOW.wallMs, tookMs: 60 },
  plane: { ...NO_PLANE, attached: true, confirmedAt: NOW, time: { planeMs: NOW.wallMs, at: NOW } },
  certificates: { machineNotAfterMs: NOW.wallMs + 1, lastRenewalError: "" },
  desired: desiredState(),
  resources: {
    memoryAvailableBytes: 1,
    load1m: 0,
    cacheSizeBytes: 2 ** 40,
    cacheFreeBytes: 2 ** 39,
    cacheInodes: 0,
    cacheFreeInodes: 0,
  },
  relief: IDLE_RELIEF,
  records: { waiting: 0, dropped: 0 },
  recordings: { at: "none" },
  runtime: { nodeVersion: "v24.21.0", control: { delayMs: 0 }, gateway: { delayMs: 0 } },
  bundles: {
    controlPlane: [{ subject: "CN=plane", notBeforeMs: NOW.wallMs, notAfterMs: NOW.wallMs + 400 * 86_400_000 }],
    builds: [{ subject: "CN=builds", notBeforeMs: NOW.wallMs, notAfterMs: NOW.wallMs + 90 * 86_400_000 }],
  },
  refusals: { runId: "g1", counted: {}, watchedSince: NOW, slots: [], amiss: [] },
  units: { at: "none" },
  traces: { at: "off", because: "nobody wants any" },
  notices: { at: "off", because: "there is no platform" },
  cache: { at: "open", volume: openedVolume() },
  cacheFilesystem: { at: "seen", opened: CACHE_MOUNT, now: { mount: CACHE_MOUNT }, write: { is: "written" } },
  network: { at: "none" },
  isolation: { at: "unverified" },
  tailnet: { at: "none" },
};

export const FIXED: Fixed = {
  controlPlane: "cp.example:443",
  requireEncryption: true,
  capabilities: ["builds", "cache-volume"],
};

/** A blocking check that builds need, and that is ok; each test changes what it is about. */
export function checkResult(over: Partial<CheckResult> = {}): CheckResult {
  return {
    name: "buildkit",
    title: "BuildKit",
    state: "ok",
    blocking: true,
    neededByBuilds: true,
    message: "",
    remedy: "",
    evidence: ["looked at"],
    sinceMs: 0,
    ...over,
  };
}
