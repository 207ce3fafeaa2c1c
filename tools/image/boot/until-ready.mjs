import { setTimeout as sleep } from "node:timers/promises";
import { say } from "../../setup/progress.mjs";
import { untilHttpAnswers } from "../guest/until-http-answers.mjs";

const AGAIN_MS = 1000;
const HTTP_OK = 200;

/**
 * Waits until the agent is ready, and says each new reason why it is not. @param {string} health
 * @param {AbortSignal} signal
 */
export async function untilReady(health, signal) {
  let said = "";
  for (;;) {
    const { status, body } = await untilHttpAnswers(`${health}/readyz?verbose`, signal);
    if (status === HTTP_OK) return;
    const reasons = body.split("\n").filter((line) => line.startsWith("[-]"));
    if (reasons.join() !== said) for (const reason of reasons) say(`  not ready: ${reason.slice("[-]".length)}`);
    said = reasons.join();
    await sleep(AGAIN_MS, undefined, { signal });
  }
}
