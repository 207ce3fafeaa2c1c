import type { ControlLink } from "../../ports/control-link.ts";
import type { Log } from "../../ports/log.ts";

/**
 * Waits for control on a unix socket: one JSON object a line.
 * @param options.mode of the socket's file; 0600 if absent.
 * @throws {AgentError} "link.cannot-listen"
 */
export async function listenForControl(options: {
  readonly path: string;
  readonly mode?: number;
  readonly log: Log;
}): Promise<ControlLink> {
  return Promise.reject(new Error(options.path));
}
