import type { BootChapter } from "./boot-chapters.ts";
import type { CheckResult } from "./health.ts";
import type { Resources } from "./machine.ts";
import type { Phase } from "./phase.ts";
import { readiness } from "./readiness.ts";
import type { OpenedVolume } from "./volume/order.ts";

/** What the agent sees: reported whole, and what `builder-agent status` prints. */
export interface ObservedState {
  readonly observedAtMs: number;
  readonly phase: Phase;
  /** In force in the gateway, confirmed by it. 0: none. */
  readonly appliedRevision: bigint;
  readonly appliedEpoch: string;
  readonly refused?: { readonly revision: bigint; readonly because: string };
  /** Open sessions by build. */
  readonly builds: ReadonlyMap<string, number>;
  readonly checks: readonly CheckResult[];
  readonly resources?: Resources;
  /** Absent until it is open. */
  readonly cache?: OpenedVolume;
  /** Absent while this machine has to do with none. */
  readonly tailnet?: TailnetObserved;
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
  phase: { at: "starting" },
  appliedRevision: 0n,
  appliedEpoch: "",
  builds: new Map(),
  checks: [],
  bootChapters: [],
  buildkit: { version: "", restarts: 0, lastExit: "", quarantined: "" },
  certificates: { lastRenewalError: "" },
  counters: { sessionsAccepted: 0, sessionsRefused: 0, messagesRefused: 0 },
};

/** How it is, for a service manager's list: "ready, 2 sessions open", "starting: cache-volume: Being opened". */
export function inOneLine({ phase, checks, builds }: ObservedState): string {
  const sessions = [...builds.values()].reduce((sum, count) => sum + count, 0);
  const { ready, reasons } = readiness(phase, checks, new Set());
  return ready ? `ready, ${sessions} sessions open` : (reasons[0] ?? phase.at);
}
