import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../deadline.ts";

const ASK_EVERY_MS = 25;
const ANSWER_DEADLINE_MS = 2_000;

/** Asks /readyz until it says yes. Rejects with the signal's reason when it is aborted before. */
export async function untilReadyz(healthUrl: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await isReady(healthUrl, signal)) return;
    await sleep(ASK_EVERY_MS, undefined, { signal });
  }
}

async function isReady(healthUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    using deadline = new Deadline(ANSWER_DEADLINE_MS, signal);
    const { ok, body } = await fetch(`${healthUrl}/readyz`, { signal: deadline.signal });
    await body?.cancel();
    return ok;
  } catch {
    // It does not listen yet.
    return false;
  }
}
