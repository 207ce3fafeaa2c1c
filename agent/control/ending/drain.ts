import { isOver } from "../../core/debug/grant.ts";
import { drained, openBuilds, terminalsEnd } from "../../core/drain.ts";
import type { TakenStep } from "../../core/observed-ending.ts";
import { nextPhase } from "../../core/phase.ts";
import { openSessions } from "../../core/views.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import { type EndingCells, ending, NEVER } from "./parts.ts";

/**
 * Waits for open builds, their further connections included, and then for debug terminals, which
 * get their notice: all until the earliest deadline. What is not known is waited for. "given-up":
 * at the deadline something was left.
 */
export async function drain(clock: Clock, cells: EndingCells): Promise<TakenStep["ended"]> {
  let quietSinceMonoMs = clock.now().monoMs;
  let wasBusy = false;
  for (;;) {
    freeze(cells);
    const { wallMs, monoMs: nowMonoMs } = clock.now();
    const { reason, deadlineMonoMs } = ending(cells);
    const deadlineWallMs = Math.round(wallMs + deadlineMonoMs - nowMonoMs);
    cells.phase.update((phase) => nextPhase(phase, { is: "drain-ordered", reason, deadlineWallMs }));
    const gateway = cells.gateway.get();
    const sessions = openSessions(gateway);
    const isBusy = sessions !== 0;
    if (isBusy || wasBusy) quietSinceMonoMs = nowMonoMs;
    wasBusy = isBusy;
    const builds = openBuilds(cells.desired.get(), cells.frozen.get(), gateway, cells.identity.get() !== undefined);
    const next = drained({ openSessions: sessions, openBuilds: builds, quietSinceMonoMs, nowMonoMs });
    const leftMs = deadlineMonoMs - nowMonoMs;
    cells.terminalsEnd.update((told) => terminalsEnd(told, !next.done, deadlineMonoMs, nowMonoMs));
    const noticeMs = cells.debugTerminals.get().every(isOver) ? 0 : (cells.terminalsEnd.get()?.monoMs ?? 0) - nowMonoMs;
    if (next.done && noticeMs <= 0) return "done";
    if (leftMs <= 0) return "given-up";
    await within(clock, Math.min(leftMs, next.done ? noticeMs : next.lookAgainMs), NEVER, (pause) =>
      firstOf(
        pause,
        (one) => turn(cells.gateway, one),
        (one) => turn(cells.desired, one),
        (one) => turn(cells.endOrders, one),
        (one) => turn(cells.identity, one),
        (one) => turn(cells.debugTerminals, one),
      ),
    );
  }
}

/** From here on only those builds count that are open now, or were before we knew of them. */
function freeze({ desired, frozen }: Pick<EndingCells, "desired" | "frozen">): void {
  if (frozen.get().at === "these") return;
  const state = desired.get();
  frozen.set(state === undefined ? { at: "until-known" } : { at: "these", builds: new Set(state.grants.keys()) });
}

async function turn<T>(cell: Cell<T>, signal: AbortSignal): Promise<void> {
  const now = cell.get();
  await cell.first((value) => value !== now, signal);
}
