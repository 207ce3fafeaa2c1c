import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chance } from "../agent/world/chance.ts";
import { Builders } from "../chaos/builders.ts";
import { judgeIdle } from "../chaos/idle.ts";
import { judgeBuilds } from "../chaos/oracle/builds.ts";
import { judgeRecords } from "../chaos/oracle/records.ts";
import { judgeBaseLine } from "../chaos/oracle/resources.ts";
import { recordsSeen, withTells } from "../chaos/seen.ts";
import type { FaultRun, SessionSeen } from "../chaos/timeline.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { GUEST_FAULTS, type GuestFault } from "./chaos/guest-faults.ts";
import { guestIdle, guestThings } from "./chaos/guest-idle.ts";
import { DiskShelf } from "./machine/data-disk.ts";
import { paced } from "./machine/pace.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { VmStage } from "./stage/vm-stage.ts";

/** The same again: BUILDER_AGENT_SEED=N npm run test:vm -- chaos */
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || randomInt(2 ** 31));
/** Of all there are, drawn: more would take more than ten minutes where it is emulated. */
const FAULTS_A_RUN = 8;
/** More would only wait for each other on an emulated machine. */
const PEOPLE = 2;
/** How many times slower than this machine an emulated one is. */
const EMULATED = 10;
const CLIENT_DEADLINE_MS = paced(180_000);
const RECOVERED_MS = paced(180_000);
const IDLE_DEADLINE_MS = paced(90_000);
const BETWEEN_MS = [2_000, 8_000] as const;

let shelf: DiskShelf;
let stage: VmStage;
beforeAll(async () => {
  shelf = await DiskShelf.make();
  stage = await VmStage.wake({ disks: [await shelf.blank()], cacheVolume: perBoot() });
  await stage.ready();
  // Its log is compared with what happens here.
  await stage.guest.run(`date --set=@${(Date.now() / 1_000).toFixed(3)}`);
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it(`seed ${SEED}: builds go on under fault after fault, each failure is explained and told, nothing is lost, doubled or left; stopped, the machine keeps nothing open`, async () => {
  const draw = chance(SEED);
  const builders = new Builders(stage, SEED, CLIENT_DEADLINE_MS);
  const everybody = (work: (person: number) => Promise<unknown>): Promise<unknown> =>
    Promise.all(Array.from({ length: PEOPLE }, (_, person) => work(person)));
  const once = (): Promise<unknown> => everybody((person) => builders.once(person, chance(person)));
  await once();
  const before = await guestIdle(stage);

  let isOver = false;
  const working = everybody((person) => builders.work(person, () => isOver));
  const faults: FaultRun[] = [];
  try {
    for (const [is, fault] of shuffled(Object.entries(GUEST_FAULTS), draw).slice(0, FAULTS_A_RUN)) {
      await sleep(between(BETWEEN_MS, draw));
      const run = await brought(is, fault, draw);
      faults.push(run);
      await eventually(`a build is right after this: ${fault.what}`, () => hasRecovered(builders, run), RECOVERED_MS);
    }
  } finally {
    isOver = true;
    await working;
  }
  await stage.ready();
  await once();

  const sessions = await untilRecorded();
  const records = recordsSeen(stage);
  const builds = withTells(builders.runs, sessions, records);
  const lastMendMs = faults.at(-1)?.mendedMs ?? 0;
  const timeline = { faults, builds, sessions, records, lastMendMs, readyMs: lastMendMs };
  const rowOf = (is: string): GuestFault => GUEST_FAULTS[is] as GuestFault;
  const judged = judgeBuilds(timeline, { recoveredMs: RECOVERED_MS, rowOf, slowness: EMULATED * paced(1) });
  const machine = await asBefore(before);
  const right = builds.filter(({ outcome }) => outcome.is === "right").length;
  process.stderr.write(
    `seed ${SEED}: ${faults.length} faults, ${builds.length} builds, ${right} right, ${judged.explanations.length} failed by them\n`,
  );
  expect([...judged.breaches, ...judgeRecords(timeline, EMULATED * paced(1)), ...machine]).toEqual([]);

  await stage.guest.run("systemctl stop builder-agent.target builder-agent-volume.service");
  const { processes, mounts, mappings } = await guestThings(stage);
  expect({ processes, mounts, mappings }).toEqual({ processes: [], mounts: [], mappings: ["No devices found"] });
});

/** A build was right that was ordered after the fault's end. */
function hasRecovered({ runs }: Builders, { mendedMs }: FaultRun): boolean {
  return runs.some(({ outcome, orderedMs }) => outcome.is === "right" && orderedMs >= mendedMs);
}

async function brought(is: string, fault: GuestFault, draw: () => number): Promise<FaultRun> {
  const beganMs = Date.now();
  process.stderr.write(`  ${fault.what}\n`);
  const { mend } = await fault.bring(stage, draw);
  await sleep(between(fault.holdsMs, draw));
  await mend();
  return { is, beganMs, mendedMs: Date.now() };
}

/** What is amiss of the machine, once nothing is or it has had its time to clear up. */
async function asBefore(before: Awaited<ReturnType<typeof guestIdle>>) {
  for (const untilMs = Date.now() + IDLE_DEADLINE_MS; ; await sleep(2_000)) {
    const now = await guestIdle(stage);
    const amiss = [...judgeIdle(before, now), ...judgeBaseLine(before.samples, now.samples)];
    if (amiss.length === 0 || Date.now() > untilMs) return amiss;
  }
}

/** The sessions that the gateways let in, once each has its record or none comes any more. */
async function untilRecorded(): Promise<readonly SessionSeen[]> {
  const opened = await sessionsSeen();
  const isWhole = (): boolean => {
    const known = new Set(recordsSeen(stage).map(({ sessionId }) => sessionId));
    return opened.every(({ sessionId }) => known.has(sessionId));
  };
  await eventually("every session has its record", isWhole, paced(60_000)).catch(() => undefined);
  return opened;
}

async function sessionsSeen(): Promise<readonly SessionSeen[]> {
  const said = await stage.guest.run(
    `journalctl --no-pager --output=cat --unit=builder-agent-gateway | grep '"session.opened"'; true`,
  );
  return said
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      // A line of our own log.
      const { sessionId, buildId, time } = JSON.parse(line) as Readonly<
        Record<"sessionId" | "buildId" | "time", string>
      >;
      return { sessionId, buildId, openedMs: Date.parse(time) };
    });
}

function between([least, most]: readonly [number, number], draw: () => number): number {
  return Math.round(least + draw() * (most - least));
}

function shuffled<T>(all: readonly T[], draw: () => number): readonly T[] {
  return all
    .map((one) => [draw(), one] as const)
    .toSorted(([first], [second]) => first - second)
    .map(([, one]) => one);
}
