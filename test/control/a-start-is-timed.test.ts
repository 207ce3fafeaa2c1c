import { expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { timeBoot } from "../../agent/control/time-boot.ts";
import { desiredState, WELL } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { notebook, traceBook } from "./stand-ins.ts";

function stage() {
  const clock = new ManualClock();
  const board = newBoard();
  const log = notebook();
  const stop = new AbortController();
  const boot = { startedMonoMs: clock.now().monoMs - 100, bootId: "boot-1" };
  const traces = traceBook();
  const state = { isOver: false };
  void timeBoot({ clock, log, traces }, board, boot, stop.signal).then(() => (state.isOver = true));
  return { clock, board, log, stop, state, traces };
}

it("each part of a start is timed as it ends, until the machine is ready, and then all is told once", async () => {
  const { clock, board, log, state, traces } = stage();
  const verified = (ok: boolean) =>
    ({ at: "verified", report: { findings: [{ ok }, { ok: true }] } }) as unknown as ReturnType<
      typeof board.isolation.get
    >;
  const steps: readonly (readonly [string, () => void])[] = [
    ["register", () => board.certificates.set(WELL.certificates)],
    ["attach", () => board.desired.set(desiredState())],
    ["cache-volume", () => board.cache.set(WELL.cache)],
    ["network", () => board.network.set({ at: "none" })],
    ["isolation", () => board.isolation.set(verified(true))],
    ["buildkit", () => board.buildkit.set(WELL.buildkit)],
    ["gateway", () => board.gateway.set(WELL.gateway)],
    ["ready", () => board.phase.set({ at: "ready" })],
  ];
  board.isolation.set(verified(false));
  board.gateway.set({ at: "here", runId: "g", listening: true, open: new Map() });
  board.cache.set({ at: "opening" });
  await settle();
  for (const [at, [name, reach]] of steps.entries()) {
    expect(board.bootChapters.get().map((chapter) => chapter.name)).toEqual(steps.slice(0, at).map(([each]) => each));
    expect(state.isOver).toBe(false);
    await clock.advance(10);
    reach();
    await settle();
    const chapter = board.bootChapters.get().at(-1);
    expect(chapter).toMatchObject({ name });
    expect((chapter?.beganMs ?? 0) + (chapter?.tookMs ?? 0)).toBe(100 + 10 * (at + 1));
  }
  expect(state.isOver).toBe(true);
  expect(log.events).toEqual(["agent.ready"]);
  const [told, ...more] = traces.told;
  expect(more).toEqual([]);
  const { wallMs } = clock.now();
  expect(told?.root).toMatchObject({ name: "start", beganAtMs: wallMs - 180, endedAtMs: wallMs });
  expect(told?.root.parts.map(({ name }) => name)).toEqual(steps.slice(0, -1).map(([name]) => name));
});

it("a start that is broken off is told as such, and not logged as one", async () => {
  const { stop, log, state, traces } = stage();
  stop.abort();
  await settle();
  expect(state.isOver).toBe(true);
  expect(log.events).toEqual([]);
  expect(traces.told.map(({ root }) => root.failed?.type)).toEqual(["not-ready"]);
});
