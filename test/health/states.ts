import type { CheckResult } from "../../agent/core/health.ts";
import { NOTHING_OBSERVED, type ObservedState } from "../../agent/core/observed-state.ts";
import { checkResult } from "../core/sample.ts";

export const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export function check(name: string, found: Partial<CheckResult> = {}): CheckResult {
  return checkResult({ name, message: `${name} is well`, sinceMs: NOW_MS - 7_300_000, ...found });
}

export const READY: ObservedState = {
  ...NOTHING_OBSERVED,
  observedAtMs: NOW_MS,
  head: {
    machineId: "m-1",
    assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
    versions: { agent: "1.2.3", node: "v24.1.0", buildkit: "v0.33.1", contract: "builder.agent.v1" },
    run: {
      bootId: "boot-1",
      runId: "run-1",
      bootedAtMs: NOW_MS - 90_000_000,
      startedAtMs: NOW_MS - 7_300_000,
      addresses: { controlPlane: "cp.example:443", gateway: "0.0.0.0:8443", health: "127.0.0.1:9090" },
    },
  },
  phase: { at: "ready" },
  appliedRevision: 18_446_744_073_709_551_615n,
  appliedEpoch: "e1",
  builds: new Map([
    ["build-1", 3],
    ["build-2", 1],
  ]),
  checks: [
    check("gateway", { message: "Listening, 4 sessions open" }),
    check("buildkit", { message: "BuildKit v0.33.1 answers" }),
    check("disk", { message: "60.0 GiB of 100.0 GiB free" }),
    check("control-plane", { blocking: false, message: "Attached" }),
  ],
  resources: {
    memoryAvailableBytes: 6 * 2 ** 30,
    load1m: 1.237,
    cacheSizeBytes: 100 * 2 ** 30,
    cacheFreeBytes: 60 * 2 ** 30,
    cacheInodes: 1_000,
    cacheFreeInodes: 250,
  },
  buildkit: { version: "v0.33.1", restarts: 1, lastExit: "killed by SIGKILL", quarantined: "" },
  certificates: { machineNotAfterMs: NOW_MS + 3_600_000, servingNotAfterMs: NOW_MS - 5_000, lastRenewalError: "" },
  bootChapters: [{ name: "ready", beganMs: 0, tookMs: 2_500 }],
  counters: { sessionsAccepted: 12, sessionsRefused: 2, messagesRefused: 0 },
};

export const DEGRADED: ObservedState = {
  ...READY,
  phase: { at: "degraded", because: ["buildkit"] },
  checks: [
    check("gateway"),
    check("buildkit", { state: "failed", message: "No answer on its socket for 12 s: see its log" }),
    check("control-plane", { state: "failed", blocking: false, message: "Not attached: connection refused" }),
  ],
};

export const DRAINING: ObservedState = {
  ...READY,
  phase: { at: "draining", reason: "the provider takes the machine back", deadlineWallMs: NOW_MS + 90_000 },
};

/** With all that a check can be, and with something in the past. */
export const TROUBLED: ObservedState = {
  ...DEGRADED,
  checks: [
    check("gateway"),
    check("serving-certificate", { state: "failed", causedBy: "buildkit" }),
    check("control-plane", {
      state: "failed",
      blocking: false,
      message: "Nothing heard from cp.example:443 since 2026-01-02T03:02:28Z; refused from 2026-01-02T03:07:05Z",
    }),
    check("clock", { state: "unknown", blocking: false }),
    check("buildkit", { state: "failed", remedy: "Look at its log" }),
  ],
  troubles: [
    {
      is: "process-ended",
      what: "buildkitd",
      message: "killed by SIGKILL",
      sinceMs: NOW_MS - 3_600_000,
      untilMs: NOW_MS - 3_600_000,
      times: 1,
      builds: ["build-3"],
      moreBuilds: 2,
    },
  ],
};

/** Nothing has been looked at yet. */
export const STARTING: ObservedState = {
  ...NOTHING_OBSERVED,
  observedAtMs: NOW_MS,
  phase: { at: "starting" },
  checks: ["gateway", "control-plane", "cache-volume", "buildkit"].map((name) =>
    check(name, { state: "unknown", message: "Not looked at yet", remedy: "Wait" }),
  ),
};
