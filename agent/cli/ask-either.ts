import { AgentError } from "../core/errors.ts";
import { askAgent } from "./ask-agent.ts";
import { askStatus, readStatus, type Status } from "./ask-status.ts";
import type { HostPort } from "./config/host-port.ts";

export interface Told {
  readonly status: Status;
  /** Why the health port did not tell it; absent where it did. */
  readonly notByPort?: AgentError;
}

/**
 * How the agent is, by its health port; where that is hidden, taken or flooded, by the operators'
 * socket. @throws {AgentError} as `askStatus`, where neither answers.
 */
export async function askEither(listen: HostPort, operatorsSocket: string, stop: AbortSignal): Promise<Told> {
  try {
    return { status: await askStatus(listen, stop) };
  } catch (failure) {
    if (!(failure instanceof AgentError)) throw failure;
    try {
      const report = await askAgent(operatorsSocket, (agent) => agent.health(stop));
      return { status: readStatus(report, operatorsSocket), notByPort: failure };
    } catch {
      stop.throwIfAborted();
      throw failure;
    }
  }
}
