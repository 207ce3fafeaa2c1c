import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { eventually } from "../stage/eventually.ts";
import type { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import { type IdleBuild, idleBuild } from "./stage/idle-build.ts";
import { isLong, KILLS, KILLS_TIMEOUT_MS, killsOf } from "./stage/kills.ts";
import { record, times } from "./stage/record.ts";
import { untilServed } from "./stage/until-served.ts";

needsStage();

/** The long form asks more often, so that some come at any moment of a start. */
const ASKS_EVERY_MS = isLong ? 50 : 150;
/** The smallest question takes that long on this machine, and a start some more. */
const ASKS_FOR_MS = 1_500;

interface Asked {
  readonly tookMs: number;
  /** What buildctl said, where it failed. */
  readonly refused?: string;
}

async function ask(stage: Stage, build: OpenedBuildFiles): Promise<Asked> {
  const beganMs = performance.now();
  const { exitCode, said } = await stage.askWorkers(build);
  return { tookMs: performance.now() - beganMs, ...(exitCode !== 0 && { refused: said }) };
}

/** Stock clients that come one after the other from the moment in which the gateway is dead. */
async function asksWhileItStarts(stage: Stage, { build }: IdleBuild) {
  const dead = await stage.pid("gateway");
  await stage.kill("gateway");
  await eventually("the gateway is dead", () => !isThere(dead));
  const all: Promise<Asked>[] = [];
  for (const beganMs = performance.now(); performance.now() - beganMs < ASKS_FOR_MS; await sleep(ASKS_EVERY_MS))
    all.push(ask(stage, build));
  await untilServed(build);
  return Promise.all(all);
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it(`lets clients that come between a gateway's end and the next one's certificate wait, and serves them: ${KILLS} times`, {
  timeout: KILLS_TIMEOUT_MS,
}, async () => {
  const sinceMs = performance.now();
  const asked = (await killsOf("gateway", idleBuild, asksWhileItStarts)).flat();
  const refused = asked.flatMap((each) => (each.refused === undefined ? [] : [each.refused]));
  await record({
    section: "recovery-waiting",
    command: `BUILDER_AGENT_KILLS=${KILLS} npm run test:recovery -- test/journeys/recovery/nobody-is-refused`,
    sinceMs,
    rows: [
      ["SIGKILLs of an idle gateway", String(KILLS)],
      [`calls of buildctl in the ${ASKS_FOR_MS / 1_000} s after, one every ${ASKS_EVERY_MS} ms`, String(asked.length)],
      ["refused (bar: 0)", String(refused.length)],
      ["a call, from buildctl's start to its end", times(asked.map(({ tookMs }) => tookMs))],
    ],
  });
  expect(refused).toEqual([]);
});
