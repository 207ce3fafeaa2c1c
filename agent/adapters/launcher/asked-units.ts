import { AgentError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ServiceUnit, ServiceUnits } from "../../ports/service-units.ts";
import { ask } from "./ask.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/** The launcher's side keeps the deadlines of starting and stopping; this is for one that does not answer. */
const VERB_DEADLINE_MS = 45_000;

const VERBS = { start: "tailnet.start", stop: "tailnet.stop", show: "tailnet.show" } as const;

/** The units of a machine without a service manager, asked for over the launcher's socket: tailscaled, and no other. */
export function askedUnits(socketPath: string, clock: Clock): ServiceUnits {
  const asked = (verb: keyof typeof VERBS, unit: ServiceUnit, signal: AbortSignal) => {
    if (unit !== "tailscaled") throw unknown(unit);
    return ask({ socketPath, clock }, { version: PROTOCOL_VERSION, verb: VERBS[verb] }, VERB_DEADLINE_MS, signal);
  };
  return {
    start: async (unit, signal) => void (await asked("start", unit, signal)),
    stop: async (unit, signal) => void (await asked("stop", unit, signal)),
    show: async (unit, signal) => {
      const answer = await asked("show", unit, signal);
      if (answer.is === "unit") return { at: answer.at, result: answer.result };
      throw new AgentError("service.no-answer", `The launcher does not tell how ${unit} is`, { retryable: true });
    },
  };
}

function unknown(unit: ServiceUnit): AgentError {
  return new AgentError("service.not-found", `The launcher has no ${unit}`, { retryable: false });
}
