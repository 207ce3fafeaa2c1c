import { setTimeout as sleep } from "node:timers/promises";
import { withDeadline } from "../../setup/deadline.mjs";

const AGAIN_MS = 250;
const ANSWER_MS = 5_000;

/**
 * Waits until something in the guest answers HTTP, whatever it answers. QEMU accepts each
 * connection to a forwarded port, the guest up or not.
 * @param {string} url @param {AbortSignal} signal @returns {Promise<{ status: number, body: string
 *   }>}
 */
export async function untilHttpAnswers(url, signal) {
  for (;;) {
    try {
      return await withDeadline(ANSWER_MS, signal, async (limit) => {
        const response = await fetch(url, { signal: limit });
        return { status: response.status, body: await response.text() };
      });
    } catch {
      await sleep(AGAIN_MS, undefined, { signal });
    }
  }
}
