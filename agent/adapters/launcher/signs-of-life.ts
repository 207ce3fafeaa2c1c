import type { Readable } from "node:stream";
import { untilBeatMs } from "../../core/beat.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * Looks in a row without a word. Looks are counted, not seconds: a machine that stands still loses
 * nobody.
 */
const MOST_SILENT = 3;

/** A third of the limit: how often a child tells, and how often we look. */
export const tellEveryMs = (hungAfterMs: number): number => Math.max(1, Math.floor(hungAfterMs / MOST_SILENT));

/**
 * Resolves to true once a child that has told before has told nothing for three looks in a row,
 * `hungAfterMs` and up to a look more; to false when `signal` aborts. One that has never told is
 * not judged: it is just starting, or of an older release.
 *
 * @param signs what the child writes to the descriptor that $ALIVE_FD names
 */
export async function untilItHangs(
  signs: Readable,
  hungAfterMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  let hasTold = false;
  let toldSinceLook = false;
  const heard = (): void => {
    hasTold = true;
    toldSinceLook = true;
  };
  signs.on("data", heard);
  try {
    for (let silent = 0; silent < MOST_SILENT; ) {
      await clock.sleep(untilBeatMs(clock.now(), tellEveryMs(hungAfterMs)), signal);
      if (signal.aborted) return false;
      silent = toldSinceLook || !hasTold ? 0 : silent + 1;
      toldSinceLook = false;
    }
    return true;
  } finally {
    signs.off("data", heard);
  }
}
