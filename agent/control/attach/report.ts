import { isNotable, type ObservedState } from "../../core/observed-state.ts";
import { within } from "../../lifecycle/branch.ts";
import type { PlaneStream } from "../../ports/control-plane.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

/** The contract: observed state at least every 15 s. */
const REPORT_EVERY_MS = 15_000;
/** Changes that come together make one report. */
const REPORT_GAP_MS = 20;

/** Reports notable news at once, and everything at the contract's pace. */
export async function reportObserved(
  { clock }: Pick<AttachPorts, "clock">,
  cells: Pick<AttachCells, "observed" | "reported">,
  stream: PlaneStream,
  signal: AbortSignal,
): Promise<void> {
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
    await clock.sleep(REPORT_GAP_MS, signal);
  }
}
