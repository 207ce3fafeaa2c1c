import { admission } from "../core/admission.ts";
import type { Admission } from "../core/allow-set.ts";
import { composeAllowSet } from "../core/compose-allow-set.ts";
import type { DesiredState } from "../core/desired-state.ts";
import type { CheckResult } from "../core/health.ts";
import type { Phase } from "../core/phase.ts";
import type { FrozenBuilds, PlaneView } from "../core/views.ts";
import { type Cell, onChange } from "../lifecycle/cell.ts";
import type { Gateway } from "../ports/gateway.ts";

export interface InstructionCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly plane: Cell<PlaneView>;
  readonly phase: Cell<Phase>;
  readonly checks: Cell<readonly CheckResult[]>;
  readonly frozen: Cell<FrozenBuilds>;
}

/**
 * Gives the gateway its orders whole, whenever something in them changes, and passes on each confirmation of the view. Until the control plane has
 * spoken the gateway keeps what an earlier start of this process told it.
 */
export async function instructGateway(gateway: Gateway, cells: InstructionCells, signal: AbortSignal): Promise<void> {
  let given:
    | { readonly desired: DesiredState; readonly admission: Admission; readonly frozen: FrozenBuilds }
    | undefined;
  const give = (): void => {
    const desired = cells.desired.get();
    const { confirmedAt } = cells.plane.get();
    if (desired === undefined || confirmedAt === undefined) return;
    const door = admission(cells.phase.get(), cells.checks.get());
    const frozen = cells.frozen.get();
    if (given?.desired === desired && given.frozen === frozen && same(given.admission, door)) {
      gateway.confirm(confirmedAt);
      return;
    }
    given = { desired, admission: door, frozen };
    gateway.allow(composeAllowSet(desired, confirmedAt, door, frozen));
  };
  await onChange([cells.desired, cells.plane, cells.phase, cells.checks, cells.frozen], give, signal);
}

function same(a: Admission, b: Admission): boolean {
  return a.at === b.at && (a.at === "open" || (b.at === "closed" && a.because === b.because));
}
