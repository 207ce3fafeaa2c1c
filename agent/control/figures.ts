import { clockSkewMs } from "../core/plane-time.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Meters } from "../ports/meters.ts";
import type { Board } from "./board/board.ts";

/** Gives the meters what is a state and not an event, after each change. Ends with `signal`. */
export async function showFigures(
  { meters, clock }: { readonly meters: Pick<Meters, "clockOffset" | "records">; readonly clock: Clock },
  { plane, records }: Pick<Board, "plane" | "records">,
  signal: AbortSignal,
): Promise<void> {
  await onChange(
    [plane, records],
    () => {
      meters.clockOffset(clockSkewMs(plane.get().time, clock.now()));
      const counts = records.get();
      if (counts !== undefined) meters.records(counts);
    },
    signal,
  );
}
