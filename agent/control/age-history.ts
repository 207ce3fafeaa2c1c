import { untilBeatMs } from "../core/beat.ts";
import { historyPastItsAge, historyRoundMs } from "../core/build-history.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { inWords } from "../core/errors.ts";
import { within } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { BuildkitCache } from "../ports/buildkit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { Board } from "./board/board.ts";

export interface HistoryPorts {
  readonly buildkitCache: Pick<BuildkitCache, "deleteHistory">;
  readonly meters: Pick<Meters, "historyDeleted">;
  readonly clock: Clock;
  readonly log: Log;
}

export type HistoryCells = Pick<Board, "desired" | "buildkit" | "phase">;

/**
 * Has BuildKit delete what it keeps of builds once that is as old as the control plane wants it.
 * BuildKit does so by itself, but never where a client has looked at its build, as those of CI do
 * (docs/decisions/0089).
 */
export async function ageHistory(
  ports: HistoryPorts,
  cells: HistoryCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = ports;
  const { desired, buildkit, phase } = cells;
  for (;;) {
    const wanted = await desired.first((now) => now !== undefined, signal);
    if (wanted === undefined) return;
    const maxAgeMs = wanted.buildkit.historyMaxAgeMs;
    const isOther = (now: DesiredState | undefined): boolean => now?.buildkit.historyMaxAgeMs !== maxAgeMs;
    const restMs = untilBeatMs(clock.now(), historyRoundMs(maxAgeMs));
    const other = await within(clock, restMs, signal, (limit) => desired.first(isOther, limit));
    if (signal.aborted) return;
    const isUp = buildkit.get().at === "ready" && phase.get().at !== "stopping";
    if (isUp && other === undefined) await deleteOld(ports, maxAgeMs, report, signal);
  }
}

async function deleteOld(
  { buildkitCache, meters, clock, log }: HistoryPorts,
  maxAgeMs: number,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const begunMonoMs = clock.now().monoMs;
  try {
    const { records } = await buildkitCache.deleteHistory(historyPastItsAge(maxAgeMs), signal);
    report.succeeded();
    if (records === 0) return;
    const durationMs = Math.round(clock.now().monoMs - begunMonoMs);
    log.info({ because: "age", pinnedToo: false, records, durationMs }, "buildkit.history-deleted");
    meters.historyDeleted("age", records);
  } catch (err) {
    if (signal.aborted) return;
    report.failed(inWords(err), historyRoundMs(maxAgeMs));
    log.warn({ because: "age", err }, "buildkit.history-not-deleted");
  }
}
