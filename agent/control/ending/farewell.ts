import { isOver } from "../../core/debug/grant.ts";
import { isIdle } from "../../core/views.ts";
import { firstOf } from "../../lifecycle/branch.ts";
import type { EndingCells } from "./parts.ts";

/**
 * Where no control plane listens it is tried once more, for records that wait: with the machine
 * they may be gone. Then there is nothing to wait for, and the journal keeps them.
 */
export async function farewell(cells: EndingCells, signal: AbortSignal): Promise<void> {
  const isHeard = (): boolean => {
    const reported = cells.reported.get();
    const isLast = reported?.ending?.at === "farewell" && (reported.debugTerminals ?? []).every(isOver);
    return isLast && cells.records.get()?.waiting === 0 && isIdle(cells.gateway.get());
  };
  if (!cells.plane.get().attached && (cells.records.get()?.waiting ?? 0) > 0) await tryOnceMore(cells, signal);
  await firstOf(
    signal,
    (one) => cells.plane.first((plane) => !plane.attached, one),
    (one) => cells.records.first(isHeard, one),
    (one) => cells.reported.first(isHeard, one),
  );
}

async function tryOnceMore({ plane, retryNow, tryFailed }: EndingCells, signal: AbortSignal): Promise<void> {
  const failedBefore = tryFailed.count;
  retryNow.note();
  await firstOf(
    signal,
    (one) => plane.first(({ attached }) => attached, one),
    (one) => tryFailed.next(one, failedBefore),
  );
}
