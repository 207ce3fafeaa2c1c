import { setTimeout as sleep } from "node:timers/promises";

const AGAIN_MS = 250;

/**
 * Waits until something in the guest answers HTTP, whatever it answers. QEMU accepts each connection to a forwarded port, the guest up or not.
 * @param {string} url @param {AbortSignal} signal @returns {Promise<{ status: number, body: string }>}
 */
export async function untilHttpAnswers(url, signal) {
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) });
      return { status: response.status, body: await response.text() };
    } catch {
      await sleep(AGAIN_MS, undefined, { signal });
    }
  }
}
