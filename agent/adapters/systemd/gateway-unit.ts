import { readFile } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { showUnit, systemctl } from "./systemctl.ts";

const UNIT = "builder-agent-gateway.service";
/** The unit's main process, which starts gateways (tools/image/deb/files/keep-gateway). */
const KEEPER = "keep-gateway";
const BY_LAUNCHER = "where builder-agent run is the service manager, kill -USR2 its process";

/**
 * Has the gateway's unit start another gateway beside the one that runs. Resolves once that is
 * ordered; whether it comes to serve is control's to tell.
 * @throws {AgentError} "gateway.not-replaceable": the unit does not run, or an older release
 * started it; "service.…" as `systemctl`.
 */
export async function startAnotherGateway(signal: AbortSignal): Promise<void> {
  const { ActiveState: state, MainPID: pid } = await shown(signal);
  if (state !== "active")
    throw notReplaceable(
      `${UNIT} is ${state}: systemctl start builder-agent.target starts it, builder-agent doctor says what keeps it from running; ${BY_LAUNCHER}`,
    );
  // A process that does not know the signal would end of it.
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!commandLine.split("\0").some((word) => word.endsWith(`/${KEEPER}`)))
    throw notReplaceable(
      `${UNIT} was started by a release that cannot replace it. It starts anew by itself once nothing is open through it; systemctl restart ${UNIT} does it now, and cuts what is open`,
    );
  await systemctl("kill", UNIT, signal, ["--kill-whom=main", "--signal=SIGUSR2"]);
}

/** @throws {AgentError} "gateway.not-replaceable": there is no service manager to ask. */
async function shown(signal: AbortSignal): Promise<{ readonly ActiveState: string; readonly MainPID: string }> {
  try {
    return await showUnit(UNIT, { ActiveState: "unknown", MainPID: "0" }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw notReplaceable(`Nobody tells how ${UNIT} is: ${BY_LAUNCHER}`, cause);
  }
}

const notReplaceable = (why: string, cause?: unknown): AgentError =>
  new AgentError("gateway.not-replaceable", why, { retryable: true, cause });
