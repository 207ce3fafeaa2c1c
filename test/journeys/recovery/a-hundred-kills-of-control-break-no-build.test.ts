import { expect, it } from "vitest";
import { eventually } from "../stage/eventually.ts";
import type { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import { eachSessionOnRecord } from "./stage/all-is-well.ts";
import { EndlessBuilds } from "./stage/endless-builds.ts";
import { KILLS, KILLS_TIMEOUT_MS, killsOf } from "./stage/kills.ts";
import { record, times } from "./stage/record.ts";

/** At a time, on each machine. */
const BUILDS = 3;

needsStage();

it(`breaks no build and loses no record, however often control is killed: ${KILLS} times`, {
  timeout: KILLS_TIMEOUT_MS,
}, async () => {
  const sinceMs = performance.now();
  const sums = { passed: 0, broken: [] as string[], records: 0 };
  const begin = async (stage: Stage): Promise<AsyncDisposable> => {
    const builds = new EndlessBuilds(stage, BUILDS);
    await eventually("builds are under way", () => builds.open === BUILDS);
    return {
      async [Symbol.asyncDispose]() {
        await builds.finish();
        sums.passed += builds.passed;
        sums.broken.push(...builds.broken);
        sums.records += await eachSessionOnRecord(stage);
      },
    };
  };
  const backMs = await killsOf("control", begin, untilBack);
  expect(sums.broken).toEqual([]);
  expect(sums.passed).toBeGreaterThanOrEqual(BUILDS);
  expect(backMs).toHaveLength(KILLS);
  await record({
    section: "recovery-control",
    sinceMs,
    rows: [
      ["SIGKILLs of control, with three builds open on each machine", String(KILLS)],
      ["builds that passed, each with its own output", String(sums.passed)],
      ["builds that were broken (bar: 0)", String(sums.broken.length)],
      ["session records with the control plane, each once", String(sums.records)],
      ["until control is attached again", times(backMs)],
    ],
  });
});

/** Kills it, and gives how long it is until it is attached again. */
async function untilBack(stage: Stage): Promise<number> {
  const { attaches } = stage.machine;
  const killedMs = performance.now();
  await stage.kill("control");
  await eventually("control is attached again", () => stage.machine.attaches > attaches, 60_000);
  return performance.now() - killedMs;
}
