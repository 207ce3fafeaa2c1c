import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import { type IdleBuild, idleBuild } from "./stage/idle-build.ts";
import { KILLS, KILLS_TIMEOUT_MS, killsOf } from "./stage/kills.ts";
import { record, times } from "./stage/record.ts";
import { untilServed } from "./stage/until-served.ts";

const BAR_MS = 1_000;

needsStage();

interface Round {
  readonly servedMs: number;
  /** How long the new gateway ran by then, and how long it waited for a processor. */
  readonly ranMs: number;
  readonly waitedMs: number;
}

async function untilServedAgain(stage: Stage, { build }: IdleBuild): Promise<Round> {
  await stage.kill("gateway");
  const servedMs = await untilServed(build);
  // Of its main thread, in nanoseconds (proc(5), Documentation/scheduler/sched-stats).
  const [ranNs, waitedNs] = (await readFile(`/proc/${await stage.pid("gateway")}/schedstat`, "utf8")).split(" ");
  return { servedMs, ranMs: Number(ranNs) / 1e6, waitedMs: Number(waitedNs) / 1e6 };
}

it(`has a session again after each kill of an idle gateway, and loses nobody's grant: ${KILLS} times`, {
  timeout: KILLS_TIMEOUT_MS,
}, async () => {
  const sinceMs = performance.now();
  const rounds = await killsOf("gateway", idleBuild, untilServedAgain);
  expect(rounds).toHaveLength(KILLS);
  const servedMs = rounds.map((round) => round.servedMs);
  await record({
    section: "recovery-gateway",
    sinceMs,
    rows: [
      ["SIGKILLs of an idle gateway", String(KILLS)],
      ["until a build has a session again (bar: 1 s each)", times(servedMs)],
      ["later than the bar", String(servedMs.filter((ms) => ms > BAR_MS).length)],
      ["of it the new gateway ran", times(rounds.map(({ ranMs }) => ranMs))],
      ["of it the new gateway waited for a processor", times(rounds.map(({ waitedMs }) => waitedMs))],
    ],
  });
});
