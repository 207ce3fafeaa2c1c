import { AgentError } from "../../core/errors.ts";
import type { ServiceUnit, ServiceUnits } from "../../ports/service-units.ts";
import { ask } from "../../wire/ask.ts";
import { ANSWER_DEADLINE_MS } from "./asked-buildkit.ts";
import { TAILNET } from "./protocol.ts";

/**
 * The units of a machine without a service manager, asked for over the launcher's socket:
 * tailscaled, and no other.
 */
export function askedUnits(socketPath: string): ServiceUnits {
  const options = (unit: ServiceUnit, signal: AbortSignal) => {
    if (unit !== "tailscaled")
      throw new AgentError("service.not-found", `The launcher has no ${unit}`, { retryable: false });
    return { socketPath, deadlineMs: ANSWER_DEADLINE_MS, signal };
  };
  return {
    start: async (unit, signal) => void (await ask(TAILNET.start, {}, options(unit, signal))),
    stop: async (unit, signal) => void (await ask(TAILNET.stop, {}, options(unit, signal))),
    show: async (unit, signal) => {
      const { at, result } = await ask(TAILNET.show, {}, options(unit, signal));
      return { at, result };
    },
  };
}
