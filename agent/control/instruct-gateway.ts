import { admission } from "../core/admission.ts";
import type { Admission } from "../core/allow-set.ts";
import { composeAllowSet } from "../core/compose-allow-set.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { sameData } from "../core/equality.ts";
import type { Instant } from "../core/instant.ts";
import type { FrozenBuilds } from "../core/views.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { Board } from "./board/board.ts";

/** What its last orders were made of. */
interface Given {
  readonly desired: DesiredState;
  readonly admission: Admission;
  readonly frozen: FrozenBuilds;
  readonly confirmedAt: Instant;
}

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
  let given: Given | undefined;
  const give = (): void => {
    const desired = cells.desired.get();
    const { confirmedAt } = cells.plane.get();
    if (desired === undefined || confirmedAt === undefined) return;
    const door = admission(cells.phase.get(), cells.checks.get());
    const frozen = cells.frozen.get();
    const before = given;
    given = { desired, admission: door, frozen, confirmedAt };
    if (before?.desired !== desired || before.frozen !== frozen || !sameData(before.admission, door))
      gateway.allow(composeAllowSet(desired, confirmedAt, door, frozen));
    else if (before.confirmedAt !== confirmedAt) gateway.confirm(confirmedAt);
  };
  await onChange([cells.desired, cells.plane, cells.phase, cells.checks, cells.frozen], give, signal);
}
