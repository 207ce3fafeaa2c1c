import type { DesiredState } from "./desired-state.ts";
import { type FrozenBuilds, type GatewayView, isKeptOut } from "./views.ts";

/** A build may be between two connections: this long without any session counts as over. */
export const QUIET_MS = 2_000;

/** What a drain waits for; undefined: not known. */
export interface DrainSituation {
  readonly openSessions: number | undefined;
  /** Builds that the allow-set still grants. */
  readonly openBuilds: number | undefined;
  readonly quietSinceMonoMs: number;
  readonly nowMonoMs: number;
}

/**
 * Whether a drain has nothing left to wait for; if not, when to look again at the latest. What is
 * not known is not over.
 */
export function drained(
  situation: DrainSituation,
): { readonly done: true } | { readonly done: false; readonly lookAgainMs: number } {
  const { openSessions, openBuilds, quietSinceMonoMs, nowMonoMs } = situation;
  if (openSessions !== 0 || openBuilds === undefined) return { done: false, lookAgainMs: Number.POSITIVE_INFINITY };
  if (openBuilds === 0) return { done: true };
  const quietMs = nowMonoMs - quietSinceMonoMs;
  return quietMs >= QUIET_MS ? { done: true } : { done: false, lookAgainMs: QUIET_MS - quietMs };
}

/** Sessions that are open; undefined while the gateway is away. */
export function openSessions(gateway: GatewayView): number | undefined {
  return gateway.at === "here" ? gateway.open.size : undefined;
}

/**
 * Builds that are open on this machine and not kept out; undefined while that is not known. A
 * machine that the control plane has never known in this boot, and whose gateway never had orders,
 * has none: nobody can have been told of it.
 */
export function openBuilds(
  desired: DesiredState | undefined,
  frozen: FrozenBuilds,
  gateway: GatewayView,
  isRegistered: boolean,
): number | undefined {
  if (desired !== undefined) return [...desired.grants.keys()].filter((build) => !isKeptOut(frozen, build)).length;
  const isNew = !isRegistered && gateway.at === "here" && gateway.applied === undefined;
  return isNew ? 0 : undefined;
}
