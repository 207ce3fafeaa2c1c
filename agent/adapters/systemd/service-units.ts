import { AgentError } from "../../core/errors.ts";
import type { ServiceUnit, ServiceUnitState, ServiceUnits } from "../../ports/service-units.ts";
import { lastWords } from "./journal.ts";
import { beforeStopOf } from "./own-ending.ts";
import { showUnit, systemctl } from "./systemctl.ts";
import { UNIT_NAMES } from "./unit-names.ts";

/** The units of this machine, asked for by `systemctl`. It speaks D-Bus, and polkit judges. */
export function serviceUnits(): ServiceUnits {
  return { start, stop, show };
}

async function start(unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  try {
    await systemctl("start", UNIT_NAMES[unit], signal);
  } catch (failure) {
    throw await withLastWords(unit, failure, signal);
  }
}

async function stop(unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  const { endsUs, isDown } = await beforeStopOf(UNIT_NAMES[unit], signal);
  if (isDown) return;
  const options = endsUs ? ["--no-block"] : [];
  try {
    await systemctl("stop", UNIT_NAMES[unit], signal, options);
  } catch (failure) {
    if (failure instanceof AgentError && failure.code === "service.not-found") return;
    throw failure;
  }
}

async function show(unit: ServiceUnit, signal: AbortSignal): Promise<ServiceUnitState> {
  const absent = { LoadState: "", ActiveState: "", Result: "" };
  const { LoadState, ActiveState, Result } = await showUnit(UNIT_NAMES[unit], absent, signal);
  return { at: LoadState === "loaded" ? (STATES[ActiveState] ?? "inactive") : "not-installed", result: Result };
}

const STATES: Readonly<Record<string, ServiceUnitState["at"]>> = {
  active: "active",
  reloading: "active",
  refreshing: "active",
  activating: "starting",
  deactivating: "stopping",
  maintenance: "stopping",
  failed: "failed",
};

/** The manager says only that it failed; why, the unit itself has said. */
async function withLastWords(unit: ServiceUnit, failure: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(failure instanceof AgentError) || failure.code !== "service.failed" || signal.aborted) return failure;
  const { Result, InvocationID } = await showUnit(UNIT_NAMES[unit], { Result: "", InvocationID: "" }, signal);
  const words = await lastWords(InvocationID, signal);
  const said = words.length === 0 ? "it said nothing" : `it said: ${words.slice(-3).join(" / ")}`;
  return new AgentError("service.failed", `${UNIT_NAMES[unit]} did not start (${Result}); ${said}`, {
    retryable: true,
    cause: failure,
  });
}
