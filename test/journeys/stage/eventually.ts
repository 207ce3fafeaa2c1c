import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 15;
/** Far more than anything here takes on a loaded machine. */
const DEADLINE_MS = 30_000;

/**
 * Looks again and again until `probe` gives something other than undefined or false. `what`
 * completes "Not within 30 s: …".
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  for (const until = Date.now() + deadlineMs; ; await sleep(LOOK_EVERY_MS)) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until) throw new Error(`Not within ${deadlineMs / 1_000} s: ${what}`);
  }
}
