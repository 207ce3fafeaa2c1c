import { LeakyBucket } from "../../core/leaky-bucket.ts";
import { isNotable, type ObservedState } from "../../core/observed-state.ts";
import { within } from "../../lifecycle/branch.ts";
import type { PlaneStream } from "../../ports/control-plane.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

/** The contract: observed state at least every 15 s. */
const REPORT_EVERY_MS = 15_000;
/** Changes that come together make one report. */
const REPORT_GAP_MS = 3;
/** So many at that pace; after that one each 20 ms, whatever changes. */
const REPORTS = { holds: 10, leaksPerMs: 1 / 20 };
const REPORT_PAUSE_MAX_MS = 20;

/** Reports notable news at once, and everything at the contract's pace. */
export async function reportObserved(
  { clock }: Pick<AttachPorts, "clock">,
  cells: Pick<AttachCells, "observed" | "reported">,
  stream: PlaneStream,
  signal: AbortSignal,
): Promise<void> {
  const reports = new LeakyBucket(REPORTS);
  let sent: ObservedState | undefined;
  while (!signal.aborted) {
    await within(clock, REPORT_EVERY_MS, signal, (due) =>
      cells.observed.first((state) => state !== undefined && isNotable(sent, state), due),
    );
    const state = cells.observed.get();
    if (signal.aborted || state === undefined) continue;
    await stream.send({ is: "observed", state });
    sent = state;
    cells.reported.set(state);
    const overMs = reports.overflowMs(1, clock.now().monoMs, REPORT_PAUSE_MAX_MS);
    await clock.sleep(Math.max(REPORT_GAP_MS, overMs), signal);
  }
}
