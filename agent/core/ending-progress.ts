import { type DebugStatus, isOver } from "./debug/grant.ts";
import type { TerminalsEnd } from "./drain.ts";
import type { Ending } from "./end-orders.ts";
import { type GatewayView, openSessions, openThrough } from "./views.ts";

/** The steps that follow a drain, in their order. */
export type EndingStep = "cut" | "records" | "terminals" | "buildkit" | "cache" | "tailnet" | "farewell";

/** Where an ending is. */
export type EndingAt = "draining" | EndingStep | "over";

/** More are counted, and not named: a person reads this. */
const BUILDS_NAMED = 20;

/** How far an ending has come, for whoever watches it. */
export interface EndingProgress {
  readonly at: EndingAt;
  /** Of the order that came first. */
  readonly reason: string;
  /** Until open builds are cut; 0 when that time is over. */
  readonly leftMs: number;
  /** Debug terminals that are not over, and when a drain ends them. Absent: none. */
  readonly terminals?: { readonly count: number; readonly leftMs: number };
  /** Absent: the gateway is out of sight. */
  readonly open?: {
    readonly sessions: number;
    readonly builds: number;
    /** The first of them, and how many sessions each has. */
    readonly named: readonly { readonly buildId: string; readonly sessions: number }[];
  };
}

export function endingProgress(
  { reason, deadlineMonoMs }: Ending,
  at: EndingAt,
  gateway: GatewayView,
  terminals: { readonly statuses: readonly DebugStatus[]; readonly end: TerminalsEnd | undefined },
  nowMonoMs: number,
): EndingProgress {
  const sessions = openSessions(gateway);
  const builds = gateway.at === "here" ? sessionsByBuild(openThrough(gateway)) : [];
  const count = terminals.statuses.filter((status) => !isOver(status)).length;
  const endsMonoMs = terminals.end?.monoMs ?? deadlineMonoMs;
  return {
    at,
    reason,
    leftMs: Math.max(0, Math.round(deadlineMonoMs - nowMonoMs)),
    ...(count > 0 && { terminals: { count, leftMs: Math.max(0, Math.round(endsMonoMs - nowMonoMs)) } }),
    ...(sessions !== undefined && {
      open: { sessions, builds: builds.length, named: builds.slice(0, BUILDS_NAMED) },
    }),
  };
}

function sessionsByBuild(open: ReadonlyMap<string, string>) {
  const counts = new Map<string, number>();
  for (const buildId of open.values()) counts.set(buildId, (counts.get(buildId) ?? 0) + 1);
  return [...counts].map(([buildId, sessions]) => ({ buildId, sessions }));
}
