import { type EndOrder, withOrder } from "../core/end-orders.ts";
import { aborted } from "../lifecycle/branch.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Board } from "./board/board.ts";

export interface StopSignals {
  /** The first SIGTERM: drain, then end. */
  readonly stop: AbortSignal;
  /** The second: the deadline is now. */
  readonly hurry: AbortSignal;
}

type OrderCells = Pick<Board, "endOrders">;

/** Every source of orders ends here: each order counts, the earliest deadline wins. */
export function orderEnd({ endOrders }: OrderCells, order: EndOrder): void {
  endOrders.update((orders) => withOrder(orders, order));
}

/** The machine's own: a first SIGTERM gives open builds `graceMs`, a second one nothing. */
export async function orderBySignal(
  { clock }: { readonly clock: Clock },
  cells: OrderCells,
  { stop, hurry }: StopSignals,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const reason = "this machine was told to stop";
  await aborted(stop, signal);
  if (signal.aborted) return;
  orderEnd(cells, { from: "signal", reason, deadlineMonoMs: clock.now().monoMs + graceMs });
  await aborted(hurry, signal);
  if (signal.aborted) return;
  orderEnd(cells, { from: "signal", reason, deadlineMonoMs: clock.now().monoMs, hurry: true });
}

/**
 * The control plane's: its grace counts from when the order came. A shorter one later counts, a
 * longer one does not.
 */
export async function orderByControlPlane(
  { clock }: { readonly clock: Clock },
  cells: OrderCells & Pick<Board, "desired">,
  signal: AbortSignal,
): Promise<void> {
  const note = (): void => {
    const drain = cells.desired.get()?.drain;
    if (drain === undefined) return;
    const { reason, graceMs } = drain;
    orderEnd(cells, { from: "control-plane", reason, deadlineMonoMs: clock.now().monoMs + graceMs });
  };
  await onChange([cells.desired], note, signal);
}
