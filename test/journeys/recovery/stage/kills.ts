import { setTimeout as sleep } from "node:timers/promises";
import { type ChildName, Stage } from "../../stage/stage.ts";

/** The everyday form; `npm run test:recovery` asks for a hundred. */
const A_FEW = 3;
/** So many machines share a long form's kills, each with a rest between its own. */
const MACHINES = 4;
/** The launcher starts what ran for 10 s again without a pause (core/restart-budget.ts). */
const REST_MS = 10_500;

/** How many processes are killed, in all. */
export const KILLS = Number(process.env["BUILDER_AGENT_KILLS"] || A_FEW);
/** Whether figures are for the record. */
export const isLong = KILLS > A_FEW;

export const KILLS_TIMEOUT_MS = 120_000 + (KILLS / MACHINES) * (REST_MS + 20_000);

/**
 * Has `round` called `KILLS` times, on one machine or on several at a time, and gives what it gave.
 * `around` lives beside the rounds of a machine.
 */
export async function killsOf<T>(
  name: ChildName,
  round: (stage: Stage) => Promise<T>,
  around: (stage: Stage) => Promise<AsyncDisposable>,
): Promise<readonly T[]> {
  const machines = isLong ? MACHINES : 1;
  const shares = Array.from({ length: machines }, (_, at) => Math.floor((KILLS + at) / machines));
  const all = await Promise.all(
    shares.map(async (share) => {
      await using stage = await Stage.up();
      await using _beside = await around(stage);
      const results: T[] = [];
      while (results.length < share) {
        if (isLong) await rest(stage, name);
        results.push(await round(stage));
      }
      return results;
    }),
  );
  return all.flat();
}

/** Until the process has run long enough, and a part of a second more: no round is like another. */
async function rest(stage: Stage, name: ChildName): Promise<void> {
  const started = await stage.log.last("launcher.child-started", ({ data }) => data["child"] === name);
  const ranMs = Date.now() - (started?.atMs ?? 0);
  await sleep(Math.max(0, REST_MS - ranMs) + Math.random() * 500);
}
