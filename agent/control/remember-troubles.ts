import type { CheckResult } from "../core/health.ts";
import type { Boot } from "../core/machine.ts";
import { continued, notedChecks, notedEnd, onceOk } from "../core/troubles.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { TroubleStore } from "../ports/trouble-store.ts";
import type { Board } from "./board/board.ts";

type TroubleCells = Pick<Board, "troubles" | "checks" | "buildkit" | "phase">;

/**
 * Remembers the last troubles over restarts of this process: checks that failed, processes that
 * ended unasked, builds that were broken. What the gateway tells comes by `watchGateway`.
 */
export async function rememberTroubles(
  { troubles: store, clock }: { readonly troubles: TroubleStore; readonly clock: Clock },
  cells: TroubleCells,
  { bootId }: Pick<Boot, "bootId">,
  signal: AbortSignal,
): Promise<void> {
  const { troubles } = cells;
  const kept = await store.load(bootId);
  if (kept !== undefined) {
    const atMs = clock.now().wallMs;
    const ended = store.lastEnd("control", 0) ?? "it was cut off";
    const how = `${ended}, and was started anew; see builder-agent logs --unit control. Builds went on`;
    const before = kept.endedInOrder ? kept.troubles : notedEnd(kept.troubles, { what: "control", how, atMs });
    troubles.update((now) => continued(before, now));
  }
  await firstOf(
    signal,
    (one) => followChecks(cells, one),
    (one) => followBuildkit(clock, cells, one),
    async (one) => {
      while (!one.aborted) {
        const now = troubles.get();
        await store.save(bootId, { troubles: now, endedInOrder: false });
        await troubles.first((next) => next !== now, one);
      }
    },
  );
  await store.save(bootId, { troubles: troubles.get(), endedInOrder: true });
}

/** What fails because this machine stops is no trouble. */
async function followChecks({ checks, phase, troubles }: TroubleCells, signal: AbortSignal): Promise<void> {
  let before: ReadonlyMap<string, CheckResult> = new Map();
  await onChange(
    [checks],
    () => {
      if (phase.get().at === "stopping") return;
      const after = checks.get();
      troubles.update((noted) => notedChecks(noted, before, after));
      before = onceOk(before, after);
    },
    signal,
  );
}

async function followBuildkit(clock: Clock, { buildkit, troubles }: TroubleCells, signal: AbortSignal): Promise<void> {
  let { restarts } = buildkit.get();
  await onChange(
    [buildkit],
    () => {
      const view = buildkit.get();
      if (view.restarts <= restarts) return;
      restarts = view.restarts;
      troubles.update((noted) => notedEnd(noted, { what: "buildkitd", how: view.lastExit, atMs: clock.now().wallMs }));
    },
    signal,
  );
}
