import { untilBeatMs } from "../core/beat.ts";
import { inWords } from "../core/errors.ts";
import { RESTARTS, type UnitSeen } from "../core/units/own-units.ts";
import { unitTroubles } from "../core/units/trouble.ts";
import type { Clock } from "../ports/clock.ts";
import type { OwnUnits } from "../ports/own-units.ts";
import type { Board } from "./board/board.ts";

const LOOK_EVERY_MS = 2_000;
/**
 * What changes has not settled yet; what is amiss may be mended in ways that leave no mark, and is
 * asked for less and less often.
 */
const AGAIN_MS = { first: 6_000, most: 60_000 } as const;

export interface UnitPorts {
  /** Absent where the service manager has no units. */
  readonly ownUnits: OwnUnits | undefined;
  readonly clock: Clock;
}

/**
 * Keeps what is known of the agent's units. The manager is asked, which starts a process, after a
 * mark has changed and for as long as something is amiss; never on an idle machine that is well.
 */
export async function watchUnits(
  { ownUnits, clock }: UnitPorts,
  { units, cache }: Pick<Board, "units" | "cache">,
  signal: AbortSignal,
): Promise<void> {
  if (ownUnits === undefined) return units.set({ at: "none" });
  const restarts = new Restarts();
  let [mark, dueMonoMs, againMs]: [string, number, number] = ["", 0, AGAIN_MS.first];
  for (; !signal.aborted; await pause(clock, signal)) {
    const present = ownUnits.mark();
    const { monoMs } = clock.now();
    const hasChanged = present !== mark;
    if (!hasChanged && monoMs < dueMonoMs) continue;
    mark = present;
    againMs = hasChanged ? AGAIN_MS.first : Math.min(AGAIN_MS.most, againMs * 2);
    try {
      const seen = await ownUnits.look(signal);
      const lately = restarts.lately(seen, monoMs);
      units.set({ at: "seen", units: seen, lately });
      const isCacheOpen = cache.get().at === "open";
      const isAmiss = seen.some(
        (unit) => unitTroubles(unit, { isCacheOpen, restartedLately: lately[unit.name] ?? 0 }).length > 0,
      );
      dueMonoMs = hasChanged || isAmiss ? clock.now().monoMs + againMs : Number.POSITIVE_INFINITY;
    } catch (failure) {
      if (signal.aborted) return;
      units.set({ at: "unseen", because: inWords(failure) });
      dueMonoMs = clock.now().monoMs + againMs;
    }
  }
}

async function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  await clock.sleep(untilBeatMs(clock.now(), LOOK_EVERY_MS), signal);
}

/** By how much each unit's count of restarts rose of late. */
class Restarts {
  readonly #seen = new Map<string, { readonly monoMs: number; readonly count: number }[]>();

  lately(units: readonly UnitSeen[], nowMonoMs: number): Readonly<Record<string, number>> {
    return Object.fromEntries(
      units.map(({ name, restarts }) => {
        const before = (this.#seen.get(name) ?? []).filter(({ monoMs }) => nowMonoMs - monoMs < RESTARTS.withinMs);
        // Somebody started it anew: its count begins again.
        const same = before.some(({ count }) => count > restarts) ? [] : before;
        const history = same.at(-1)?.count === restarts ? same : [...same, { monoMs: nowMonoMs, count: restarts }];
        this.#seen.set(name, history);
        return [name, restarts - (history[0]?.count ?? restarts)];
      }),
    );
  }
}
