import { expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { showFigures } from "../../agent/control/figures.ts";
import { ManualClock, settle } from "./manual-clock.ts";

it("tells how far the clock is off and what waits for the control plane, and what is not known is not told", async () => {
  const clock = new ManualClock();
  const board = newBoard();
  const stop = new AbortController();
  const told: unknown[] = [];
  const meters = {
    clockOffset: (ms: number | undefined) => void told.push(ms),
    records: (counts: unknown) => void told.push(counts),
  };
  const showing = showFigures({ meters, clock }, board, stop.signal);
  await settle();
  expect(told.splice(0)).toEqual([undefined]);

  const at = clock.now();
  board.plane.update((view) => ({ ...view, time: { planeMs: at.wallMs - 90_000, at } }));
  board.records.set({ waiting: 3, dropped: 1 });
  await settle();
  expect(told.splice(0)).toEqual([90_000, { waiting: 3, dropped: 1 }]);

  stop.abort();
  await showing;
});
