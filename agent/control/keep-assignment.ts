import { fullJitterMs } from "../core/backoff.ts";
import { inWords } from "../core/errors.ts";
import type { Boot } from "../core/machine.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { AssignmentStore } from "../ports/assignment-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Board } from "./board/board.ts";

const AGAIN = { baseMs: 1_000, capMs: 60_000 } as const;

export interface AssignmentPorts {
  readonly assignment: AssignmentStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps what this boot heard first of whose machine it is, over restarts of this process: else
 * whoever gets it restarted could have it begin with another project, or another key for debug
 * grants. Ends once it is kept.
 */
export async function keepAssignment(
  { assignment: store, clock, log }: AssignmentPorts,
  { desired, firstAssignment }: Pick<Board, "desired" | "firstAssignment">,
  { bootId }: Pick<Boot, "bootId">,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  try {
    const assignment = await store.load(bootId);
    firstAssignment.set(assignment === undefined ? { at: "none" } : { at: "kept", assignment });
    if (assignment !== undefined) return;
  } catch (err) {
    log.error({ err }, "assignment.not-known");
    firstAssignment.set({ at: "lost" });
    return;
  }
  const state = await desired.first((now) => now !== undefined, signal);
  if (state === undefined) return;
  const { assignment } = state;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      await store.save(bootId, assignment);
      report.succeeded();
      return firstAssignment.set({ at: "kept", assignment });
    } catch (err) {
      log.error({ err }, "assignment.not-kept");
      firstAssignment.set({ at: "lost" });
      const pauseMs = fullJitterMs(AGAIN, failures, clock.random());
      report.failed(inWords(err), pauseMs);
      await clock.sleep(pauseMs, signal);
    }
  }
}
