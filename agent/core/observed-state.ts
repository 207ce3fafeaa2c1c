import type { BootChapter } from "./boot-chapters.ts";
import type { DebugStatus } from "./debug/grant.ts";
import { sameData } from "./equality.ts";
import type { Head } from "./head.ts";
import type { CheckResult } from "./health.ts";
import type { LoopStatus } from "./loop-status.ts";
import type { Resources } from "./machine.ts";
import type { HeardNotice } from "./notices/notice.ts";
import type { ObservedEnding } from "./observed-ending.ts";
import type { Phase } from "./phase.ts";
import { readiness } from "./readiness.ts";
import type { RefusedBuild } from "./refused-builds.ts";
import { sessionsOpen } from "./size-words.ts";
import type { Trouble } from "./troubles.ts";
import type { OpenedVolume } from "./volume/order.ts";

/** What the agent sees: reported whole, and what `builder-agent status` prints. */
export interface ObservedState {
  readonly observedAtMs: number;
  /** For people and bundles: the control plane knows it. */
  readonly head: Head;
  readonly phase: Phase;
  /** In force in the gateway, confirmed by it. 0: none. */
  readonly appliedRevision: bigint;
  readonly appliedEpoch: string;
  readonly refused?: { readonly revision: bigint; readonly because: string };
  /** The one that serves, or is about to. Absent: out of sight. Not for the control plane. */
  readonly gateway?: ObservedGateway;
  /** Open sessions by build. */
  readonly builds: ReadonlyMap<string, number>;
  /**
   * Open builds that get no new connection. Absent: not known, for no desired state has come since
   * this process began; the control plane is then told of no applied revision either.
   */
  readonly refusedBuilds?: readonly RefusedBuild[];
  readonly checks: readonly CheckResult[];
  readonly resources?: Resources;
  /** Absent until it is open. */
  readonly cache?: OpenedVolume;
  /** Absent while this machine has to do with none. */
  readonly tailnet?: TailnetObserved;
  /** What has become of each debug grant of the desired state. Absent: nothing is known of any. */
  readonly debugTerminals?: readonly DebugStatus[];
  /** Absent: nobody has ordered one. */
  readonly ending?: ObservedEnding;
  /** What the platform announces to this machine. Absent: nothing, as far as is known. */
  readonly notices?: readonly HeardNotice[];
  readonly bootChapters: readonly BootChapter[];
  readonly buildkit: {
    readonly version: string;
    readonly restarts: number;
    readonly lastExit: string;
    readonly quarantined: string;
  };
  readonly certificates: {
    readonly machineNotAfterMs?: number;
    readonly servingNotAfterMs?: number;
    readonly lastRenewalError: string;
  };
  readonly counters: {
    readonly sessionsAccepted: number;
    readonly sessionsRefused: number;
    readonly messagesRefused: number;
  };
  /** The last ones, oldest first: for people and bundles, not for the control plane. */
  readonly troubles: readonly Trouble[];
  /** The long-running loops of this process: for people and bundles, not for the control plane. */
  readonly loops: readonly LoopStatus[];
}

export interface ObservedGateway {
  readonly runId: string;
  readonly listening: boolean;
  /** Open through it. */
  readonly sessions: number;
  /** Those that were replaced, and let nobody more in. */
  readonly finishing: { readonly runIds: readonly string[]; readonly sessions: number };
}

export interface TailnetObserved {
  readonly grantId: string;
  readonly state: "joining" | "joined" | "failed" | "leaving";
  /** "" once it is joined. */
  readonly reason: string;
  readonly nodeId: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly acceptsRoutes: boolean;
}

/** Before anything has been looked at. */
export const NOTHING_OBSERVED: ObservedState = {
  observedAtMs: 0,
  head: {},
  phase: { at: "starting" },
  appliedRevision: 0n,
  appliedEpoch: "",
  builds: new Map(),
  checks: [],
  bootChapters: [],
  buildkit: { version: "", restarts: 0, lastExit: "", quarantined: "" },
  certificates: { lastRenewalError: "" },
  counters: { sessionsAccepted: 0, sessionsRefused: 0, messagesRefused: 0 },
  troubles: [],
  loops: [],
};

/**
 * Whether the control plane wants to hear of this change at once. The rest waits for the next
 * regular report: figures that always move, and words of a check whose verdict stands.
 */
export function isNotable(before: ObservedState | undefined, after: ObservedState): boolean {
  return before === undefined || !sameData(notableParts(before), notableParts(after));
}

function notableParts(state: ObservedState) {
  const {
    observedAtMs: _at,
    head: _head,
    gateway: _gateway,
    resources: _resources,
    counters: _counters,
    loops: _loops,
    troubles: _troubles,
    ...told
  } = state;
  const { checks, builds, refusedBuilds, ...rest } = told;
  return {
    ...rest,
    builds: new Set(builds.keys()),
    refusedBuilds: refusedBuilds?.map(({ buildId, why }) => ({ buildId, why })),
    checks: checks.map(({ name, state: found, blocking }) => ({ name, isOk: found === "ok", blocking })),
  };
}

/**
 * How it is, for a service manager's list: "ready, 2 sessions open", "starting: cache-volume: Being
 * opened".
 */
export function inOneLine({ phase, checks, builds }: ObservedState): string {
  const sessions = [...builds.values()].reduce((sum, count) => sum + count, 0);
  const { ready, reasons } = readiness(phase, checks, new Set());
  return ready ? `ready, ${sessionsOpen(sessions)}` : (reasons[0] ?? phase.at);
}
