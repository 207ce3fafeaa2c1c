import { afterAll, expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { aligned } from "../../bench/report/table.ts";
import { answersHttp2 } from "./stage/http2-settings.ts";
import { dial } from "./stage/serving-certificate.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

/** Two every day; `npm run test:endings` takes 20, with a notice as short as clouds give. */
const ROUNDS = Number(process.env["BUILDER_AGENT_ENDINGS"] || 2);
const IS_LONG = ROUNDS > 2;
const NOTICE_MS = IS_LONG ? 30_000 : 14_000;
/** What is kept of a notice for the last steps. */
const LAST_STEPS_MS = 10_000;
const AT_ONCE = IS_LONG ? 4 : 2;
const BUILDS = 20;
const GRACE_MS = 3_000;
const COMMAND = "BUILDER_AGENT_WRITE_FIGURES=1 npm run test:endings";

needsStage();

const begunMs = performance.now();
const rows: (readonly string[])[] = [];
/** Of every order here: until the control plane was told the deadline. */
const toldMs: number[] = [];

afterAll(async () => {
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const told = [
    "order → deadline in the control plane's hands, ms, most (bar: 1,000)",
    `of ${toldMs.length}`,
    most(toldMs, 0),
  ];
  const figures = aligned([["figure", "machines", "measured"], ...rows, told]);
  const seconds = (performance.now() - begunMs) / 1_000;
  await writeSection(
    { page: "docs/reliability.md", name: "endings" },
    asMeasured({ command: COMMAND, seconds, figures }),
  );
});

it(`with ${BUILDS} open builds that do not end: all is over soon after the deadline, exit code 0, every record delivered once`, async ({
  annotate,
}) => {
  await using stage = await Stage.up({ drainGraceMs: 600_000 });
  const builds = await Promise.all(Array.from({ length: BUILDS }, () => stage.openBuild()));
  const clients = await Promise.all(builds.map((build) => dial(build, ["h2"])));
  for (const client of clients) client.on("error", () => undefined);
  expect(await Promise.all(clients.map((client) => answersHttp2(client)))).toEqual(builds.map(() => true));

  const orderedMs = Date.now();
  stage.plane.drain(REF, { reason: "rolling update", graceMs: GRACE_MS });
  toldMs.push((await told(stage)) - orderedMs);
  const { ending } = stage.machine.observed ?? {};
  expect(await stage.ended()).toEqual({ code: 0, signal: null });
  const lateMs = Date.now() - (ending?.deadline?.getTime() ?? Number.NaN);
  expect(lateMs).toBeLessThan(20_000);
  for (const build of builds)
    expect(stage.recordsOf(build).map((record) => record.ending)).toEqual([SessionEnding.DRAIN_DEADLINE]);
  expect(await stage.log.last("agent.drained")).toBeDefined();
  rows.push([
    `drain with ${BUILDS} open sessions of as many builds: deadline → agent ended, s (bar: 2)`,
    "1",
    seconds(lateMs),
  ]);
  await annotate(`ended ${Math.round(lateMs)} ms after its deadline`);
}, 120_000);

it(
  `within a notice of ${NOTICE_MS / 1_000} s an open build's ending is told and the cache closed, ${ROUNDS} of ${ROUNDS}`,
  async ({ annotate }) => {
    const told: number[] = [];
    const closed: number[] = [];
    const ended: number[] = [];
    for (let round = 0; round < ROUNDS; round += AT_ONCE) {
      const some = await Promise.all(Array.from({ length: Math.min(AT_ONCE, ROUNDS - round) }, noticed));
      for (const one of some) {
        told.push(one.toldMs);
        closed.push(one.closedMs);
        ended.push(one.endedMs);
      }
    }
    const within = (all: readonly number[]): string => `${all.filter((ms) => ms < NOTICE_MS).length} of ${ROUNDS}`;
    for (const [what, all] of Object.entries({
      "open build's ending told": told,
      "cache closed": closed,
      "agent ended": ended,
    }))
      rows.push([`notice of ${NOTICE_MS / 1_000} s: ${what}, s after it, most`, within(all), most(all)]);
    await annotate(`told ${most(told)} s, closed ${most(closed)} s, ended ${most(ended)} s after the notice, at most`);
    expect([within(told), within(closed)]).toEqual([`${ROUNDS} of ${ROUNDS}`, `${ROUNDS} of ${ROUNDS}`]);
  },
  60_000 + ROUNDS * (NOTICE_MS + 30_000),
);

/** One machine in the middle of a build that does not end, and gets as long as a notice leaves. */
async function noticed() {
  await using stage = await Stage.up({ drainGraceMs: 600_000 });
  const build = await stage.openBuild();
  await using scope = new Scope();
  scope.own(await stage.holdBuild(build));
  const order = ["--deadline", `${(NOTICE_MS - LAST_STEPS_MS) / 1_000}s`, "--reason", "spot interruption", "--detach"];
  const asked = stage.ask("drain", order);
  const deadlineToldMs = await told(stage);
  // A command takes its time to start: a notice counts from when the agent has it.
  const { atMs: orderedMs } = await stage.log.until("operator.drain");
  toldMs.push(deadlineToldMs - orderedMs);
  expect(await asked).toMatchObject({ exitCode: 0 });
  const records = await stage.untilRecords(build);
  const recordToldMs = Date.now() - orderedMs;
  expect(records.map((record) => record.ending)).toEqual([SessionEnding.DRAIN_DEADLINE]);
  expect(await stage.ended()).toEqual({ code: 0, signal: null });
  const endedMs = Date.now() - orderedMs;
  const closed = await stage.log.last("cache.closed");
  return { toldMs: recordToldMs, endedMs, closedMs: (closed?.atMs ?? Number.NaN) - orderedMs };
}

/** When the control plane knew by when open builds are cut, and of which order that is. */
async function told(stage: Stage): Promise<number> {
  await stage.plane.until(() => stage.machine.observed?.ending?.deadline !== undefined, {
    what: "the deadline",
    deadlineMs: 30_000,
  });
  return Date.now();
}

function most(all: readonly number[], digits?: number): string {
  const worst = Math.max(...all);
  return digits === undefined ? seconds(worst) : worst.toFixed(digits);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
