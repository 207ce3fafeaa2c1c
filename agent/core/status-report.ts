import type { Assignment } from "./desired-state.ts";
import type { Addresses, Contact } from "./head.ts";
import { type CheckResult, type Severity, severityOf } from "./health.ts";
import type { LoopStatus } from "./loop-status.ts";
import type { Resources, Versions } from "./machine.ts";
import { rfc3339 } from "./moment.ts";
import { MEANINGS } from "./notices/meanings.ts";
import type { HeardNotice } from "./notices/notice.ts";
import { noticeInWords } from "./notices/notice-words.ts";
import type { ObservedState } from "./observed-state.ts";
import type { Phase } from "./phase.ts";
import { readiness } from "./readiness.ts";
import type { Trouble } from "./troubles.ts";

/**
 * The observed state as JSON can hold it: what `/status` answers and `builder-agent status --json`
 * prints. Times are Unix milliseconds (`…Ms`), most of them once more in RFC 3339, sizes bytes,
 * revisions decimal strings (they may exceed what JSON's readers keep exact). A field is added
 * without notice; one that changes its meaning or goes away raises `schemaVersion`.
 */
export interface StatusReport {
  readonly schemaVersion: 1;
  readonly observedAtMs: number;
  readonly observedAt: string;
  /** Absent, as the three that follow: not known yet. */
  readonly machineId?: string;
  readonly orgId?: string;
  readonly projectId?: string;
  readonly architecture?: string;
  readonly versions?: Versions;
  readonly addresses?: Addresses;
  readonly controlPlane?: {
    readonly attached: boolean;
    /** Its last word of any kind. */
    readonly lastHeardAtMs?: number;
    readonly lastHeardAt?: string;
    /** While the agent pauses before the next try to reach it. */
    readonly nextTryAtMs?: number;
    readonly nextTryAt?: string;
    /** From then on new builds are refused, unless it confirms what it wants before. */
    readonly admitsUntilMs?: number;
    readonly admitsUntil?: string;
    readonly lastFailure: string;
  };
  /** Of the machine, and of this process. */
  readonly boot?: { readonly id: string; readonly atMs: number; readonly at: string };
  readonly process?: { readonly runId: string; readonly startedAtMs: number; readonly startedAt: string };
  /** As `/readyz` says it. */
  readonly ready: boolean;
  readonly notReadyBecause: readonly string[];
  readonly phase: Phase;
  /** Absent: nobody has ordered one. */
  readonly ending?: ObservedState["ending"] & { readonly deadline: string };
  readonly appliedRevision: string;
  readonly appliedEpoch: string;
  readonly refused?: { readonly revision: string; readonly because: string };
  /** The one that serves, and those that it has replaced. Absent: out of sight. */
  readonly gateway?: ObservedState["gateway"];
  /** Open sessions by build. */
  readonly builds: Readonly<Record<string, number>>;
  /** Open builds that get no new connection, and why; absent while that is not known. */
  readonly refusedBuilds?: ObservedState["refusedBuilds"];
  /** `ok` is `state === "ok"`. */
  readonly checks: readonly (CheckResult & {
    readonly ok: boolean;
    readonly severity: Severity;
    readonly since: string;
  })[];
  readonly resources?: Resources;
  readonly cache?: ObservedState["cache"];
  readonly tailnet?: ObservedState["tailnet"];
  /** What the platform announces to this machine. Absent: nothing, as far as is known. */
  readonly notices?: readonly {
    readonly kind: string;
    readonly id?: string;
    /** Whether this machine ends for it. */
    readonly ends: boolean;
    readonly message: string;
    readonly heardAtMs: number;
    readonly dueAtMs?: number;
    readonly dueAt?: string;
  }[];
  readonly bootChapters: ObservedState["bootChapters"];
  readonly buildkit: ObservedState["buildkit"];
  readonly certificates: ObservedState["certificates"];
  readonly counters: ObservedState["counters"];
  /** The last ones, the newest first. */
  readonly troubles: readonly (Trouble & { readonly since: string; readonly until?: string })[];
  readonly loops: readonly LoopStatus[];
}

export function statusReport(state: ObservedState): StatusReport {
  const { ending, refused, refusedBuilds, gateway, resources, cache, tailnet } = state;
  const { ready, reasons } = readiness(state.phase, state.checks, new Set());
  return {
    schemaVersion: 1,
    observedAtMs: state.observedAtMs,
    observedAt: rfc3339(state.observedAtMs),
    ...headReport(state),
    ready,
    notReadyBecause: reasons,
    phase: state.phase,
    ...(ending && { ending: { ...ending, deadline: rfc3339(ending.deadlineMs) } }),
    appliedRevision: state.appliedRevision.toString(),
    appliedEpoch: state.appliedEpoch,
    ...(refused && { refused: { revision: refused.revision.toString(), because: refused.because } }),
    ...(gateway && { gateway }),
    builds: Object.fromEntries(state.builds),
    ...(refusedBuilds && { refusedBuilds }),
    checks: state.checks.map((check) => ({
      ...check,
      ok: check.state === "ok",
      severity: severityOf(check),
      since: rfc3339(check.sinceMs),
    })),
    ...(resources && { resources }),
    ...(cache && { cache }),
    ...(tailnet && { tailnet }),
    ...(state.notices && { notices: state.notices.map(noticeReport) }),
    bootChapters: state.bootChapters,
    buildkit: state.buildkit,
    certificates: state.certificates,
    counters: state.counters,
    troubles: state.troubles.toReversed().map((one) => ({
      ...one,
      since: rfc3339(one.sinceMs),
      ...(one.untilMs !== undefined && { until: rfc3339(one.untilMs) }),
    })),
    loops: state.loops,
  };
}

function contactReport({ attached, lastHeardAtMs, nextTryAtMs, admitsUntilMs, lastFailure }: Contact) {
  return {
    attached,
    ...(lastHeardAtMs !== undefined && { lastHeardAtMs, lastHeardAt: rfc3339(lastHeardAtMs) }),
    ...(nextTryAtMs !== undefined && { nextTryAtMs, nextTryAt: rfc3339(nextTryAtMs) }),
    ...(admitsUntilMs !== undefined && { admitsUntilMs, admitsUntil: rfc3339(admitsUntilMs) }),
    lastFailure,
  };
}

/** Not the key that signs debug grants: bytes, which JSON has no form for. */
function ownerReport({ orgId, projectId, architecture }: Assignment): Partial<StatusReport> {
  return { orgId, projectId, architecture };
}

function headReport({ head }: ObservedState): Partial<StatusReport> {
  const { machineId, assignment, versions, run, contact } = head;
  return {
    ...(machineId !== undefined && { machineId }),
    ...(assignment && ownerReport(assignment)),
    ...(versions && { versions }),
    ...(contact && { controlPlane: contactReport(contact) }),
    ...(run && {
      addresses: run.addresses,
      boot: { id: run.bootId, atMs: run.bootedAtMs, at: rfc3339(run.bootedAtMs) },
      process: { runId: run.runId, startedAtMs: run.startedAtMs, startedAt: rfc3339(run.startedAtMs) },
    }),
  };
}

function noticeReport(notice: HeardNotice): NonNullable<StatusReport["notices"]>[number] {
  const { kind, id, heardAt, dueAt } = notice;
  return {
    kind,
    ...(id !== undefined && { id }),
    ends: MEANINGS[kind].ends,
    message: noticeInWords(notice),
    heardAtMs: Math.round(heardAt.wallMs),
    ...(dueAt && { dueAtMs: Math.round(dueAt.wallMs), dueAt: rfc3339(dueAt.wallMs) }),
  };
}
