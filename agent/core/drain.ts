/** A build may be between two connections: this long without any session counts as over. */
export const QUIET_MS = 2_000;

export interface DrainSituation {
  readonly openSessions: number;
  /** Builds that the allow-set still grants. */
  readonly openBuilds: number;
  readonly quietSinceMonoMs: number;
  readonly nowMonoMs: number;
}

/** Whether a drain has nothing left to wait for; if not, when to look again at the latest. */
export function drained(
  situation: DrainSituation,
): { readonly done: true } | { readonly done: false; readonly lookAgainMs: number } {
  if (situation.openSessions > 0) return { done: false, lookAgainMs: Number.POSITIVE_INFINITY };
  if (situation.openBuilds === 0) return { done: true };
  const quietMs = situation.nowMonoMs - situation.quietSinceMonoMs;
  return quietMs >= QUIET_MS ? { done: true } : { done: false, lookAgainMs: QUIET_MS - quietMs };
}
