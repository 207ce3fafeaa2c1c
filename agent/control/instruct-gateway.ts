import { admission } from "../core/admission.ts";
import type { Admission } from "../core/allow-set.ts";
import { composeAllowSet } from "../core/compose-allow-set.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { sameData } from "../core/equality.ts";
import type { FrozenBuilds } from "../core/views.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { Board } from "./board/board.ts";

/**
 * Gives the gateway its orders whole, whenever something in them changes, and passes on each
 * confirmation of the view. Until the control plane has spoken the gateway keeps what an earlier
 * start of this process ordered.
 */
export async function instructGateway(
  gateway: Gateway,
  cells: Pick<Board, "desired" | "plane" | "phase" | "checks" | "frozen">,
  signal: AbortSignal,
): Promise<void> {
  let given:
    | { readonly desired: DesiredState; readonly admission: Admission; readonly frozen: FrozenBuilds }
    | undefined;
  const give = (): void => {
    const desired = cells.desired.get();
    const { confirmedAt } = cells.plane.get();
    if (desired === undefined || confirmedAt === undefined) return;
    const door = admission(cells.phase.get(), cells.checks.get());
    const frozen = cells.frozen.get();
    if (given?.desired === desired && given.frozen === frozen && sameData(given.admission, door)) {
      gateway.confirm(confirmedAt);
      return;
    }
    given = { desired, admission: door, frozen };
    gateway.allow(composeAllowSet(desired, confirmedAt, door, frozen));
  };
  await onChange([cells.desired, cells.plane, cells.phase, cells.checks, cells.frozen], give, signal);
}
