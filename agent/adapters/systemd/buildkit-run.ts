import { constants } from "node:os";
import type { UnitExit } from "../../ports/buildkit.ts";

/**
 * What is read of the unit, and what stands for what it does not tell. InvocationID is another for
 * each start.
 */
export const UNKNOWN_RUN = {
  ActiveState: "",
  MainPID: "0",
  /** CLOCK_MONOTONIC, in microseconds; 0: never. */
  InactiveExitTimestampMonotonic: "0",
  ExecMainExitTimestampMonotonic: "0",
  ExecMainCode: "0",
  ExecMainStatus: "0",
  InvocationID: "",
};

export type RunProperties = Readonly<typeof UNKNOWN_RUN>;

/** Where the unit's newest run is. */
export type BuildkitRun =
  /** On its way up or down: the next look will tell more. */
  | { readonly at: "between" }
  | { readonly at: "up"; readonly pid: number; readonly invocationId: string }
  /** No daemon came up: never started, or kept from it by what comes before. */
  | { readonly at: "none" }
  | { readonly at: "over"; readonly how: Pick<UnitExit, "code" | "signal">; readonly invocationId: string };

/** CLD_EXITED of waitid(2); anything else was a signal. */
const EXITED = "1";

/**
 * A daemon that still comes up counts as running: it has a process, and is asked whether it
 * answers.
 */
export function buildkitRun(unit: RunProperties): BuildkitRun {
  const { ActiveState: state, InvocationID: invocationId } = unit;
  const pid = Number(unit.MainPID);
  if (state === "inactive" || state === "failed") {
    return cameUp(unit) ? { at: "over", how: ending(unit), invocationId } : { at: "none" };
  }
  if (state === "deactivating" || state === "maintenance") return { at: "between" };
  return pid > 0 ? { at: "up", pid, invocationId } : { at: "between" };
}

/** In this run: what is told of the daemon's process may be of the one before. */
function cameUp(unit: RunProperties): boolean {
  const endedAt = Number(unit.ExecMainExitTimestampMonotonic);
  return endedAt > 0 && endedAt >= Number(unit.InactiveExitTimestampMonotonic);
}

function ending({ ExecMainCode, ExecMainStatus }: RunProperties): Pick<UnitExit, "code" | "signal"> {
  const status = Number(ExecMainStatus);
  if (ExecMainCode === EXITED) return { code: status };
  const name = Object.entries(constants.signals).find(([, number]) => number === status)?.[0];
  return { signal: name ?? `signal ${status}` };
}
