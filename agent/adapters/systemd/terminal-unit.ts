import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { systemctl } from "./systemctl.ts";

/** The units' TimeoutStopSec= is 2 s. */
const STOP_MS = 15_000;
/** As systemd names a connection that it accepted (systemd.socket(5), Accept=). */
const INSTANCE = /^\d+-\d+(?:_\d+)?-\d+$/;

/**
 * Stops the unit of a terminal: with it the manager kills its whole control group, which nothing
 * without privilege can leave.
 * @throws {AgentError} "terminal.not-gone"
 */
export async function systemdTerminalGone({ instance }: { readonly instance: string }): Promise<void> {
  if (!INSTANCE.test(instance))
    throw new AgentError("terminal.not-gone", "The terminal's process names no unit of its own", { retryable: false });
  using limit = new Deadline(STOP_MS);
  for (const unit of ["builder-agent-terminal", "builder-agent-terminal-root"])
    try {
      await systemctl("stop", `${unit}@${instance}.service`, limit.signal);
    } catch (cause) {
      // The one of the two that it is not, or it has ended: then it is not loaded any more.
      if (cause instanceof AgentError && cause.code === "service.not-found") continue;
      throw new AgentError("terminal.not-gone", `${unit}@${instance}.service did not stop`, { retryable: true, cause });
    }
}
