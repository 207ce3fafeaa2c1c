import { setTimeout as sleep } from "node:timers/promises";
import { listeningInode } from "../adapters/logs/launcher-log.ts";
import { answers } from "../wire/listener.ts";
import type { Layout } from "./layout.ts";

/** After its last word a process only closes what it has open. */
const WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 100;

/**
 * Waits until nobody listens on the sockets of control and launcher any more: the agent is gone.
 * False: somebody still does, or `signal` was aborted.
 */
export async function untilEnded(
  { operatorsSocket, managerSocket }: Pick<Layout, "operatorsSocket" | "managerSocket">,
  signal: AbortSignal,
): Promise<boolean> {
  for (const until = performance.now() + WITHIN_MS; performance.now() < until && !signal.aborted; ) {
    const isThere = (await answers(operatorsSocket)) || (await listeningInode(managerSocket)) !== undefined;
    if (!isThere) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}
