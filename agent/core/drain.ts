import type { DesiredState } from "./desired-state.ts";
import { type FrozenBuilds, type GatewayView, isKeptOut } from "./views.ts";

/** A build may be between two connections: this long without any session counts as over. */
export const QUIET_MS = 2_000;

/**
 * What a person in a debug terminal has to come to an end, once no build is waited for any more.
 */
export const TERMINAL_NOTICE_MS = 60_000;

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

/**
 * When debug terminals end, on the clock of the deadline: with the machine's deadline at the
 * latest, and not before the people in them had their notice. What they were told is never made
 * later.
 *
 * @param told What came of this before.
 * @param waitsForBuilds The terminal may be what somebody watches them with.
 */
export function terminalsEnd(
  told: TerminalsEnd | undefined,
  waitsForBuilds: boolean,
  deadlineMonoMs: number,
  nowMonoMs: number,
): TerminalsEnd {
  const own = waitsForBuilds ? deadlineMonoMs : Math.min(deadlineMonoMs, nowMonoMs + TERMINAL_NOTICE_MS);
  const monoMs = Math.min(own, told?.monoMs ?? own);
  return { monoMs, orAfterBuilds: waitsForBuilds && told?.orAfterBuilds !== false };
}

/** By when a debug terminal of a machine that drains ends. */
export interface TerminalsEnd {
  readonly monoMs: number;
  /** It may be earlier: with its notice, once the builds are over. */
  readonly orAfterBuilds: boolean;
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
