import type { TailnetCredential } from "../../core/tailnet/wish.ts";
import { within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { TailnetApi, TailnetNode } from "../../ports/tailnet.ts";

const LEAVE_MS = 20_000;

export interface DeparturePorts {
  readonly node: TailnetNode;
  readonly api: TailnetApi;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who may remove a device from the tailnet, and where that is asked for. */
export interface Remover {
  readonly credential: TailnetCredential;
  readonly apiUrl?: string;
}

/**
 * Ends the node, if there is one, within 20 s; what fails is logged, never thrown. A server that
 * does not hear of the end is told by the API, where its credential allows; one that does is asked
 * whether it still lists the device. In the end it forgets an ephemeral node by itself.
 */
export async function departFromTailnet(
  { node, api, clock, log }: DeparturePorts,
  remover: Remover | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { loggedOut, nodeId } = await within(clock, LEAVE_MS, signal, (limit) => node.leave(limit));
    if (nodeId === undefined) return;
    log.info({ nodeId, loggedOut }, "tailnet.left");
    if (remover !== undefined) await removeDevice({ api, log }, { ...remover, nodeId, loggedOut }, signal);
  } catch (err) {
    if (!signal.aborted) log.error({ err }, "tailnet.not-left");
  }
}

async function removeDevice(
  { api, log }: Pick<DeparturePorts, "api" | "log">,
  { credential, apiUrl, nodeId, loggedOut }: Remover & { readonly nodeId: string; readonly loggedOut: boolean },
  signal: AbortSignal,
): Promise<void> {
  try {
    const removed = await api.removeDevice({ credential, nodeId, ...(apiUrl !== undefined && { apiUrl }) }, signal);
    log.info({ nodeId, removed }, "tailnet.device-removed");
  } catch (err) {
    // It was only to make sure.
    if (loggedOut) log.debug({ err, nodeId }, "tailnet.device-not-asked-after");
    else log.error({ err, nodeId }, "tailnet.device-not-removed");
  }
}
