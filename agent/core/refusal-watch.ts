/**
 * When refusals without the control plane's mark end the agent all the same (contract, top of
 * builder_agent.proto). A proxy that lost its route gives the same answers, so they must have been
 * all that was heard for long: longer than a bad roll-out of a proxy is likely to last, and by then
 * no build has been let in for 25 minutes.
 */
export const REFUSED_FOR_MS = 30 * 60_000;
/** A paused VM must not turn two answers into half an hour of refusals. */
export const REFUSED_TIMES = 10;

/** Opaque to its holder: one for all calls to one control plane. */
export type RefusalWatch =
  | { readonly at: "clear" }
  | { readonly at: "suspecting"; readonly sinceMonoMs: number; readonly answers: number };

export const NO_REFUSALS: RefusalWatch = { at: "clear" };

/**
 * What came of a call, or over a stream. "suspect": a failure whose step is that. "other": anything
 * else; an answer, each message of a stream, a failure to connect.
 */
export type PlaneAnswer = "suspect" | "other";

/**
 * Notes one answer. `end` is true once refusals are all that was heard for REFUSED_FOR_MS, in at
 * least REFUSED_TIMES answers. `nowMonoMs` never goes back.
 */
export function noteAnswer(
  watch: RefusalWatch,
  answer: PlaneAnswer,
  nowMonoMs: number,
): { readonly state: RefusalWatch; readonly end: boolean } {
  if (answer === "other") return { state: NO_REFUSALS, end: false };
  const before = watch.at === "clear" ? { sinceMonoMs: nowMonoMs, answers: 0 } : watch;
  const state = { at: "suspecting", sinceMonoMs: before.sinceMonoMs, answers: before.answers + 1 } as const;
  const end = state.answers >= REFUSED_TIMES && nowMonoMs - state.sinceMonoMs >= REFUSED_FOR_MS;
  return { state, end };
}
