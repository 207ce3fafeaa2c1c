import { untilBeatMs } from "../core/beat.ts";
import { examined, nextChangeMs } from "../core/checks/examine.ts";
import { sameData } from "../core/equality.ts";
import { type CheckResult, failing, isTurn, withSince } from "../core/health.ts";
import type { Fixed, Known } from "../core/known.ts";
import { nextPhase } from "../core/phase.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { onTurn } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Board } from "./board/board.ts";

/**
 * What changes by age alone is looked at when it is due. A clock that is set moves that: look at
 * least this often.
 */
const LOOK_EVERY_MS = 5_000;

/**
 * Judges everything that is known of the surroundings, after each change and when time alone
 * changes it, and moves the phase by it.
 */
export async function examine(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  board: Board,
  fixed: Fixed,
  outer: AbortSignal,
): Promise<void> {
  const judge = (): void => {
    const now = clock.now();
    const before = new Map(board.checks.get().map((check) => [check.name, check]));
    const after = examined(knownOf(board), now, fixed).map((finding) =>
      withSince(before.get(finding.name), finding, now.wallMs),
    );
    if (unchanged(before, after)) return;
    for (const check of after) noteTurn(log, before.get(check.name), check);
    board.checks.set(after);
    board.phase.update((phase) => nextPhase(phase, { is: "checked", failing: failing(after) }));
  };
  const tick = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const now = clock.now();
      await clock.sleep(Math.min(nextChangeMs(knownOf(board), now), untilBeatMs(now, LOOK_EVERY_MS)), signal);
      judge();
    }
  };
  const { desired, plane, gateway, cache, cacheFilesystem, network, isolation } = board;
  const { tailnet, buildkit, step, certificates, resources, relief, records, units, traces } = board;
  const { refusals, bundles, recordings, runtime, notices } = board;
  const known = [
    ...[desired, plane, gateway, cache, cacheFilesystem, network, isolation],
    ...[tailnet, buildkit, step, certificates, resources, relief, records, units, traces],
    ...[refusals, bundles, recordings, runtime, notices],
  ];
  await firstOf(outer, tick, (signal) => onTurn(clock, known, judge, signal));
}

export function knownOf(board: Board): Known {
  return {
    desired: board.desired.get(),
    plane: board.plane.get(),
    gateway: board.gateway.get(),
    cache: board.cache.get(),
    cacheFilesystem: board.cacheFilesystem.get(),
    network: board.network.get(),
    isolation: board.isolation.get(),
    tailnet: board.tailnet.get(),
    buildkit: board.buildkit.get(),
    step: board.step.get(),
    certificates: board.certificates.get(),
    resources: board.resources.get(),
    relief: board.relief.get(),
    records: board.records.get(),
    refusals: board.refusals.get(),
    runtime: board.runtime.get(),
    recordings: board.recordings.get(),
    bundles: board.bundles.get(),
    units: board.units.get(),
    traces: board.traces.get(),
    notices: board.notices.get(),
  };
}

function unchanged(before: ReadonlyMap<string, CheckResult>, after: readonly CheckResult[]): boolean {
  return (
    before.size === after.length &&
    after.every((check) => {
      const old = before.get(check.name);
      return sameData(old, { ...check, sinceMs: old?.sinceMs });
    })
  );
}

/**
 * Logs checks that turned, and non-blocking ones that fail from the start. Blocking ones
 * are expected to fail then: they are only not there yet.
 */
function noteTurn(log: Log, old: CheckResult | undefined, check: CheckResult): void {
  const { name, state, blocking, message } = check;
  if (old === undefined ? state !== "failed" || blocking : !isTurn(old, check)) return;
  const data = { check: name, blocking, message, ...(check.causedBy !== undefined && { causedBy: check.causedBy }) };
  if (state === "ok") log.info(data, "check.passed");
  else if (state === "unknown") log.info(data, "check.unknown");
  else if (blocking || old === undefined) log.warn(data, "check.failed");
  else log.info(data, "check.failed");
}
