import { copyFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildkitSettings } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { GrantSigner } from "../../sandbox/control-plane/debug/grants.ts";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { chance } from "../agent/world/chance.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { REF } from "../journeys/stage/set-up.ts";
import { Stage } from "../journeys/stage/stage.ts";
import { Builders } from "./builders.ts";
import { mountDisks } from "./disks.ts";
import { gauge, type Sample } from "./gauge.ts";
import { type Idle, idleAgain, idleOf, judgeIdle } from "./idle.ts";
import { type Explanation, judgeBuilds } from "./oracle/builds.ts";
import { judgeReadiness } from "./oracle/readiness.ts";
import { judgeRecords } from "./oracle/records.ts";
import { judgeBaseLine, judgeSlopes } from "./oracle/resources.ts";
import { RECOVERED_MS } from "./oracle/windows.ts";
import { Outside } from "./outside.ts";
import type { Schedule } from "./schedule.ts";
import { recordsSeen, sessionsSeen, withTells } from "./seen.ts";
import { storm } from "./storm.ts";
import type { Breach, Timeline } from "./timeline.ts";

const PEOPLE = 3;
/** Of each person before the first fault: what is cached once, and heaps that were used once. */
const WARMING_BUILDS = 2;
/** After the last fault, and after that no build may fail. */
const LAST_BUILDS = 2;
/** As long as anybody waits for a machine that does not come back. */
const READY_DEADLINE_MS = 180_000;
/** For BuildKit to close what it holds of builds that are over. */
const IDLE_DEADLINE_MS = 60_000;
const RECORDS_DEADLINE_MS = 60_000;
/** The least: BuildKit keeps 50 kB of each build's history for so long, however many there are. */
const HISTORY_MAX_AGE = { seconds: "60", nanos: 0 };

export interface Ran {
  readonly timeline: Timeline;
  readonly explanations: readonly Explanation[];
  readonly breaches: readonly Breach[];
  readonly before: Idle;
  readonly after: Idle;
}

export interface Surroundings {
  /** How many times slower than a quiet one this machine is. */
  readonly slowness: number;
  /** Where the agent's log goes when a promise was broken. */
  readonly keepLogAs?: string;
  /** Told what happens, as it does. */
  readonly said: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Builds all the time while the schedule's faults happen, and judges what came of it. */
export async function run(schedule: Schedule, around: Surroundings): Promise<Ran> {
  const left: Breach[] = [];
  await using outside = await Outside.open();
  const ran = await withStage(
    outside,
    async (stage) => {
      const judged = await onStage(stage, outside, schedule, around);
      const { keepLogAs } = around;
      if (judged.breaches.length > 0 && keepLogAs !== undefined) await copyFile(stage.log.file, keepLogAs);
      return judged;
    },
    (failure) => left.push({ promise: "The machine ends in order, and leaves nothing behind", because: failure }),
  );
  return { ...ran, breaches: [...ran.breaches, ...left] };
}

async function withStage<T>(
  { way, platform, ports }: Outside,
  use: (stage: Stage) => Promise<T>,
  left: (why: string) => void,
): Promise<T> {
  const stage = await Stage.up({
    plane: { heartbeatMs: 2_000, port: await fixedPort() },
    uplink: { join: async () => undefined },
    offered: ports,
    config: {
      controlPlane: { endpoint: way.endpoint },
      notices: { platform: "aws" },
      identity: platform.places,
    },
    prepareDisks: mountDisks,
    prepare: (plane) => {
      way.leadTo(plane.transport.port);
      plane.debug.signWith(REF, new GrantSigner());
      plane.wish(REF, { buildkit: BuildkitSettings.fromPartial({ historyMaxAge: HISTORY_MAX_AGE }) });
    },
  });
  try {
    return await use(stage);
  } finally {
    await stage[Symbol.asyncDispose]().catch((failure: unknown) => left(inWords(failure)));
  }
}

async function onStage(stage: Stage, outside: Outside, schedule: Schedule, around: Surroundings): Promise<Ran> {
  const builders = new Builders(stage, schedule.seed);
  const everybody = (builds: number): Promise<unknown> => eachPerson((person) => several(builders, person, builds));
  await everybody(WARMING_BUILDS);
  const before = await idleOf(stage, builders.mark);
  const samples: Sample[] = [];
  const over = new AbortController();
  const measuring = gauge(stage, samples, over.signal);
  let isOver = false;
  const untilMs = Date.now() + schedule.lengthMs;
  const working = eachPerson((person) => builders.work(person, () => isOver));
  const { said, signal } = around;
  const { faults, failures } = await storm(schedule, {
    stage,
    outside,
    signal,
    said,
    running: () => builders.running(),
  });
  const leftMs = failures.length > 0 ? 0 : Math.max(0, untilMs - Date.now());
  await sleep(leftMs, undefined, { signal }).catch(() => builders.kill());
  isOver = true;
  const lastMendMs = Math.max(...(faults.length === 0 ? [Date.now()] : []), ...faults.map(({ mendedMs }) => mendedMs));
  if (signal.aborted) await working;
  signal.throwIfAborted();
  const readyMs = await whenReady(stage);
  await working;
  if (readyMs !== undefined) await everybody(LAST_BUILDS);
  over.abort();
  await measuring;
  await untilRecorded(stage);
  const after =
    readyMs === undefined
      ? before
      : await idleAgain(stage, builders.mark, (now) => judgeMachine(before, now).length === 0, IDLE_DEADLINE_MS);
  const [sessions, records] = [await sessionsSeen(stage), recordsSeen(stage)];
  // The base line's own are no builds of anybody.
  const builds = withTells(builders.runs, sessions, records);
  const timeline = { faults, builds, sessions, records, lastMendMs, readyMs };
  const recoveredMs = RECOVERED_MS * around.slowness;
  const { breaches, explanations } = judgeBuilds(timeline, { recoveredMs, slowness: around.slowness });
  return {
    ...{ timeline, explanations, before, after },
    breaches: [
      ...failures.map((failure) => ({ promise: "Each fault can be brought, and mended", because: inWords(failure) })),
      ...breaches,
      ...judgeRecords(timeline, around.slowness),
      ...judgeReadiness(timeline, recoveredMs),
      ...judgeMachine(before, after),
      ...judgeSlopes(samples),
    ],
  };
}

function judgeMachine(before: Idle, after: Idle): readonly Breach[] {
  return [...judgeIdle(before, after), ...judgeBaseLine(before.samples, after.samples)];
}

function eachPerson(work: (person: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: PEOPLE }, (_, person) => work(person)));
}

async function several(builders: Builders, person: number, builds: number): Promise<void> {
  const draw = chance(person);
  for (let count = 0; count < builds; count += 1) await builders.once(person, draw);
}

async function whenReady(stage: Stage): Promise<number | undefined> {
  const isReady = async (): Promise<boolean> => (await stage.health("/readyz").catch(() => undefined))?.status === 200;
  return eventually("the machine is ready again", isReady, READY_DEADLINE_MS).then(
    () => Date.now(),
    () => undefined,
  );
}

/** Until nothing more comes; what has not come by then is judged as missing. */
async function untilRecorded(stage: Stage): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const known = new Set(recordsSeen(stage).map(({ sessionId }) => sessionId));
    return (await sessionsSeen(stage)).every(({ sessionId }) => known.has(sessionId));
  };
  await eventually("every session has its record", isWhole, RECORDS_DEADLINE_MS).catch(() => undefined);
}

/** With all its causes, as they are the ones that name what is left. */
function inWords(failure: unknown): string {
  const causes: string[] = [];
  for (let at = failure; at instanceof Error; at = at.cause) causes.push(at.message);
  return causes.join(": ") || String(failure);
}
