import type { GatewayHere, GatewaysBeside, GatewayView } from "./views.ts";

/** One run of the gateway, as it was last heard. */
export interface GatewayRun {
  readonly said: GatewayHere;
  readonly startedMonoMs: number;
  /** Its door is shut for good. */
  readonly isRetired: boolean;
  /** False: its link is lost, and whether it lives is not known. */
  readonly isInSight: boolean;
}

/** Every run that may live. */
export interface GatewayRuns {
  readonly runs: ReadonlyMap<string, GatewayRun>;
  /** False: there may be one that was not heard yet. */
  readonly isWhole: boolean;
}

export const NO_RUNS: GatewayRuns = { runs: new Map(), isWhole: true };

/**
 * Which of several gateways is the one: the youngest that listens, or where none does the youngest.
 * A younger one that does not listen yet is next. All others only finish; those of them whose door
 * is open are to be retired.
 *
 * @param lastRunId The one before, for as long as there is none.
 */
export function arranged(
  { runs, isWhole }: GatewayRuns,
  lastRunId: string,
): { readonly view: GatewayView; readonly toRetire: readonly string[] } {
  const open = [...runs.values()]
    .filter((run) => run.isInSight && !run.isRetired)
    .toSorted((a, b) => b.startedMonoMs - a.startedMonoMs);
  const one = open.find((run) => run.said.listening) ?? open[0];
  const next = open[0] === one ? undefined : open[0];
  const others = [...runs.values()].filter((run) => run !== one && run !== next);
  if (one === undefined) {
    // The one that is out of sight is no other.
    const beside = besideOf(others.filter(({ said }) => said.runId !== lastRunId));
    return { view: { at: "away", runId: lastRunId, ...(beside && { beside }) }, toRetire: [] };
  }
  const beside = besideOf(others, isWhole);
  const toRetire = one.said.listening
    ? open.filter((run) => run.startedMonoMs < one.startedMonoMs).map(({ said }) => said.runId)
    : [];
  return { view: { ...one.said, ...(next && { next: nextOf(next) }), ...(beside && { beside }) }, toRetire };
}

/** Whether the gateway may end and start anew, and nobody loses anything: it is alone, and idle. */
export function mayStartAnew(view: GatewayView): view is GatewayHere {
  return view.at === "here" && view.listening && view.open.size === 0 && view.next === undefined && !view.beside;
}

function besideOf(others: readonly GatewayRun[], isWhole = true): GatewaysBeside | undefined {
  if (others.length === 0 && isWhole) return undefined;
  return {
    runIds: others.map(({ said }) => said.runId),
    open: new Map(others.flatMap(({ said }) => [...said.open])),
    isWhole: isWhole && others.every((run) => run.isInSight),
  };
}

function nextOf({ said: { runId, uncertified, servingNotAfterMs, open } }: GatewayRun) {
  return {
    runId,
    open,
    ...(uncertified !== undefined && { uncertified }),
    ...(servingNotAfterMs !== undefined && { servingNotAfterMs }),
  };
}
