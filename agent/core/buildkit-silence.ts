/** A question that BuildKit has not answered by then has failed. */
export const ANSWER_MS = 5_000;

/**
 * Among builds that take all there is BuildKit answers late: one late answer turns no build away.
 */
export const SILENT_MS = 15_000;

/** Silence is to be told within 20 s of its beginning. */
const AGAIN_MS = 1_000;

/**
 * How long after a question that failed the next is asked. It is one that ends once silence is
 * silence: else two that began soon after an answer would end before, and a third be waited for.
 */
export function askAgainMs(silentMs: number): number {
  return Math.max(AGAIN_MS, SILENT_MS + 1 - ANSWER_MS - silentMs);
}
