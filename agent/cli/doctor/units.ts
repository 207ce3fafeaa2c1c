import { access } from "node:fs/promises";
import { lookAtUnits } from "../../adapters/systemd/own-units.ts";
import { showUnit } from "../../adapters/systemd/systemctl.ts";
import { AgentError } from "../../core/errors.ts";
import { unitTroubles } from "../../core/units/trouble.ts";
import type { Found } from "./finding.ts";

/** Those that are up for as long as the machine serves. */
const UNITS = [
  "builder-agent.target",
  "builder-agent.socket",
  "builder-agent-gateway.service",
  "builder-agent-control.service",
  "builder-agent-network-watch.service",
  "builder-agent-cache-watch.service",
  "buildkitd.service",
];
const ASKED = { LoadState: "", ActiveState: "", SubState: "", Result: "", NRestarts: "", StateChangeTimestamp: "" };

/** How systemd has our units. Nothing, where it is not the service manager. */
export async function units(signal: AbortSignal): Promise<readonly Found[]> {
  try {
    await access("/run/systemd/system");
  } catch {
    return [];
  }
  const looks = await Promise.all([...UNITS.map((unit) => lookAt(unit, signal).then((one) => [one])), made(signal)]);
  return looks.flat();
}

/** Those made otherwise than the package makes them: by the rules of the agent's own check. */
async function made(signal: AbortSignal): Promise<readonly Found[]> {
  try {
    return (await lookAtUnits(signal)).flatMap((unit) =>
      unitTroubles(unit, { isCacheOpen: false, restartedLately: 0 })
        .filter(({ isDown }) => !isDown)
        .map(
          ({ what, next }): Found => ({ name: `outside/${shortened(unit.name)}`, state: "warn", evidence: what, next }),
        ),
    );
  } catch (failure) {
    signal.throwIfAborted();
    if (!(failure instanceof AgentError)) throw failure;
    // Each of them says so already.
    return [];
  }
}

function shortened(unit: string): string {
  return unit.replace(/^builder-agent[.-]/, "");
}

async function lookAt(unit: string, signal: AbortSignal): Promise<Found> {
  const name = `unit/${shortened(unit)}`;
  try {
    return { name, ...judged(unit, await showUnit(unit, ASKED, signal)) };
  } catch (failure) {
    signal.throwIfAborted();
    if (!(failure instanceof AgentError)) throw failure;
    return { name, state: "unseen", evidence: failure.message, next: `systemctl status ${unit}` };
  }
}

export function judged(unit: string, shown: typeof ASKED): Omit<Found, "name"> {
  const { LoadState, ActiveState, SubState, Result, NRestarts, StateChangeTimestamp } = shown;
  const since = StateChangeTimestamp === "" ? "" : `, since ${StateChangeTimestamp}`;
  if (LoadState === "masked")
    return { state: "fail", evidence: `${unit} is masked: it cannot be started`, next: `systemctl unmask ${unit}` };
  if (LoadState !== "loaded")
    return {
      state: "fail",
      evidence: `${unit} is not installed (${LoadState || "unknown"})`,
      next: "install the package builder-agent, then systemctl daemon-reload",
    };
  const next = `systemctl status ${unit}; journalctl --unit=${unit} --boot --lines=50`;
  if (ActiveState === "failed") return { state: "fail", evidence: `${unit} failed (${Result})${since}`, next };
  if (ActiveState !== "active")
    return { state: "fail", evidence: `${unit} is ${ActiveState} (${SubState})${since}`, next };
  const restarts = Number(NRestarts);
  if (restarts > 0)
    return {
      state: "warn",
      evidence: `${unit} is ${SubState}${since}, restarted ${restarts === 1 ? "once" : `${restarts} times`}`,
      next,
    };
  return { state: "ok", evidence: `${unit} is ${SubState}${since}` };
}
