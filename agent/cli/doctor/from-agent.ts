import { AgentError } from "../../core/errors.ts";
import { askEither } from "../ask-either.ts";
import type { StatusAnswer } from "../ask-status.ts";
import type { HostPort } from "../config/host-port.ts";
import { unreadSince } from "./configuration.ts";
import type { Found } from "./finding.ts";

/** What the agent has found itself; where it does not answer, that. */
export async function fromAgent(
  listen: HostPort,
  operatorsSocket: string,
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  try {
    const { status, notByPort } = await askEither(listen, operatorsSocket, signal);
    const port: Found[] =
      notByPort === undefined
        ? []
        : [{ name: "health-port", state: "fail", evidence: notByPort.message, next: "builder-agent config show" }];
    if (status.is === "too-early")
      return [
        ...port,
        { name: "agent", state: "unseen", evidence: status.because, next: "builder-agent status --watch" },
      ];
    const unread = await unreadSince(configFile, status.answer.process?.startedAtMs);
    return [...port, agent(status.answer), ...unread, ...status.answer.checks.map(ofCheck)];
  } catch (failure) {
    signal.throwIfAborted();
    if (!(failure instanceof AgentError)) throw failure;
    return [{ name: "agent", state: "fail", evidence: failure.message, next: "builder-agent logs --level warn" }];
  }
}

function agent({ phase, ready, notReadyBecause }: StatusAnswer): Found {
  const evidence = ready
    ? "It answers, and is ready"
    : `It answers, and is not ready (${phase.at}): ${notReadyBecause.join("; ")}`;
  return { name: "agent", state: ready ? "ok" : "warn", evidence };
}

function ofCheck({ name, ok, state, blocking, message, remedy, causedBy }: StatusAnswer["checks"][number]): Found {
  return {
    name,
    state: stateOf(ok, state, blocking),
    evidence: message,
    ...(!ok && remedy !== "" && { next: remedy }),
    ...(causedBy !== undefined && { causedBy }),
  };
}

function stateOf(ok: boolean, state: string, blocking: boolean): Found["state"] {
  if (ok) return "ok";
  if (state === "unknown") return "unseen";
  return blocking ? "fail" : "warn";
}
