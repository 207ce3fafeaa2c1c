import { execFile } from "node:child_process";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { status as code } from "@grpc/grpc-js";
import { afterAll, expect, it } from "vitest";
import { inWords } from "../../agent/core/errors.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { aligned } from "../../bench/report/table.ts";
import type { BuildOrder } from "../../sandbox/control-plane/builds.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { KeptAway } from "./causes/stage/kept-away.ts";
import { paced } from "./causes/stage/paced.ts";
import { checkOf, report } from "./causes/stage/report.ts";
import { eventually } from "./stage/eventually.ts";
import { CONTROL, RawCalls } from "./stage/raw-calls.ts";
import { REF } from "./stage/set-up.ts";
import { smallDisk } from "./stage/small-disk.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

/** Two every day; `npm run test:endings` takes 20 of each. */
const ASKED = Number(process.env["BUILDER_AGENT_ENDINGS"] || 2);
const IS_LONG = ASKED > 2;
const COMMAND = "BUILDER_AGENT_WRITE_FIGURES=1 npm run test:endings";
/** Far more than the bar, which is 1 s and stands beside the figures. */
const LIMIT_MS = paced(5_000);
const CAUSED_WITHIN_MS = paced(30_000);
const CACHE_MIB = 400;
const INODES = 4_000;
const INODES_LEFT = 100;
/** One more comes every 10 s. */
const PER_MINUTE = 6;
const OUTAGE = new Refusal(code.UNAVAILABLE, "A test's outage.");

needsStage();

/** Why no new build is taken, by its real cause. */
interface Reason {
  readonly what: string;
  bring(stage: Stage): Promise<unknown>;
  mend?(stage: Stage): Promise<unknown>;
  /** In the control plane. */
  readonly shown: RegExp;
  /** In a client that comes all the same. */
  readonly heard: { readonly code: number; readonly says: RegExp };
  readonly order?: Partial<BuildOrder>;
}

const notNow = (says: RegExp): Reason["heard"] => ({ code: code.UNAVAILABLE, says });
const never = (says: RegExp): Reason["heard"] => ({ code: code.FAILED_PRECONDITION, says });

const filler = ({ workDir }: Stage): string => join(workDir, "cache", "filler");
let buildkitAway: KeptAway;

const REASONS: readonly Reason[] = [
  {
    what: "disk full of bytes",
    bring: (stage) => promisify(execFile)("fallocate", ["-l", `${CACHE_MIB - 150}M`, filler(stage)]),
    mend: (stage) => rm(filler(stage)),
    shown: /not ready for builds: disk: .*builds are refused below/,
    heard: notNow(/lets no build in now: disk: .*builds are refused below/),
  },
  {
    what: "disk full of inodes",
    bring: async (stage) => {
      await mkdir(filler(stage));
      const { ffree } = await statfs(filler(stage));
      const names = Array.from({ length: ffree - INODES_LEFT }, (_, index) => join(filler(stage), String(index)));
      await Promise.all(names.map((name) => writeFile(name, "")));
    },
    mend: (stage) => rm(filler(stage), { recursive: true }),
    shown: /not ready for builds: disk: .*inodes/,
    heard: notNow(/lets no build in now: disk: .*inodes/),
  },
  {
    what: "not ready: buildkitd killed again and again",
    bring: async (stage) => {
      buildkitAway = new KeptAway(() => stage.pid("buildkitd"));
      buildkitAway.begin();
    },
    mend: () => buildkitAway.letBe(),
    shown: /not ready for builds: buildkit: /,
    heard: notNow(/lets no build in now: buildkit: /),
  },
  {
    what: "grant expired: control plane's clock 2 min behind",
    bring: async ({ plane }) => (plane.clock.offsetMs = -120_000),
    mend: async ({ plane }) => (plane.clock.offsetMs = 0),
    shown: /expired at .* by this machine's clock/,
    heard: never(/this build expired at .*, by this machine's clock/),
    order: { ttlMs: 60_000, certificateTtlMs: 3_600_000 },
  },
  {
    what: "draining",
    bring: async (stage) => {
      // Without an open build the machine would have ended.
      await stage.holdBuild(await stage.openBuild());
      stage.plane.drain(REF, { reason: "rolling update", graceMs: 600_000 });
    },
    mend: async ({ plane }) => {
      for (const { buildId } of plane.listBuilds()) plane.endBuild(buildId);
    },
    shown: /is draining: rolling update/,
    heard: never(/about to end and takes no new build/),
  },
];

const rows: (readonly string[])[] = [];
const begunMs = performance.now();
afterAll(async () => {
  console.info(aligned([HEAD, ...rows]));
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const seconds = (performance.now() - begunMs) / 1_000;
  const section = { page: "docs/reliability.md", name: "refusals" };
  await writeSection(section, asMeasured({ command: COMMAND, seconds, figures: aligned([HEAD, ...rows]) }));
});
const HEAD = [
  "why, and with what the client is answered",
  "asked",
  "shown, ms: half",
  "most",
  "heard, ms: half",
  "most",
];

it(`a machine that is full, not ready, too late or about to end says so, ${ASKED} times each`, {
  timeout: paced(120_000),
}, async () => {
  await using stage = await Stage.up({
    drainGraceMs: 600_000,
    prepareDisks: (workDir, _vm, scope) => smallDisk(join(workDir, "cache"), CACHE_MIB, INODES, scope),
  });
  for (const reason of REASONS) {
    await reason.bring(stage);
    await measured(stage, reason);
    await reason.mend?.(stage);
    if (reason.what !== "draining") await untilTaken(stage);
  }
  expect(await stage.ended()).toEqual({ code: 0, signal: null });
});

it("a machine whose serving certificate has expired takes no build, and a client sees why by itself", {
  timeout: paced(90_000),
}, async () => {
  await using stage = await Stage.up({ plane: { servingCertificateLifetimeMs: 6_000 } });
  stage.plane.faults.answer("renewCertificates", OUTAGE);
  await measured(stage, {
    what: "serving certificate expired",
    bring: async () => undefined,
    shown: /not ready for builds: serving-certificate: Expired at .*A test's outage/,
    heard: notNow(/certificate has expired/),
  });
  stage.plane.faults.answer("renewCertificates", undefined);
  await stage.ask("reconnect");
  await untilTaken(stage);
});

it("a build that opens too many connections a minute hears so, and others are served", {
  timeout: paced(60_000),
}, async () => {
  await using stage = await Stage.up({ config: { gateway: { maxSessionsPerBuildPerMinute: PER_MINUTE } } });
  const build = await stage.openBuild();
  await Promise.all(Array.from({ length: PER_MINUTE }, () => answerTo(build)));
  const heardMs: number[] = [];
  for (let times = 0; times < ASKED; times += 1) {
    const { tookMs, answer } = await answerTo(build);
    expect.soft(answer.code, answer.details).toBe(code.RESOURCE_EXHAUSTED);
    heardMs.push(tookMs);
  }
  expect((await answerTo(await stage.openBuild())).answer.code).toBe(code.OK);
  rows.push(["build's connections a minute used up: RESOURCE_EXHAUSTED", String(ASKED), "-", "-", ...figures(heardMs)]);
});

it("a machine that has not heard from its control plane for five minutes lets nobody in, and says why", {
  timeout: paced(420_000),
}, async ({ skip }) => {
  if (!IS_LONG) skip("it takes its time: npm run test:endings");
  await using stage = await Stage.up();
  const builds = await Promise.all(Array.from({ length: ASKED }, () => stage.openBuild()));
  stage.plane.transport.stopListening();
  stage.plane.transport.cutConnections();
  const isOld = async (): Promise<boolean> => {
    const now = await report(stage);
    return now !== undefined && checkOf(now, "control-plane").severity === "blocking";
  };
  await eventually("the view is too old", isOld, 360_000);
  const heardMs: number[] = [];
  for (const build of builds) {
    const { tookMs, answer } = await answerTo(build);
    expect(answer).toMatchObject({
      code: code.UNAVAILABLE,
      details: expect.stringMatching(/has not heard/) as unknown,
    });
    heardMs.push(tookMs);
  }
  rows.push(["control plane not heard for 5 min: UNAVAILABLE", String(ASKED), "-", "-", ...figures(heardMs)]);
  await stage.plane.transport.listenAgain();
});

/**
 * Once the cause is felt: how long until the control plane shows a refusal, and a client hears it.
 */
async function measured(stage: Stage, reason: Reason): Promise<void> {
  const { what, shown, heard, order = {} } = reason;
  let last = "";
  const refusal = async (): Promise<string> => {
    const asked = stage.plane.openBuild({ ...REF, ...order });
    const { message } = await asked.then(
      ({ buildId }) => {
        stage.plane.endBuild(buildId);
        return { message: "taken" };
      },
      (failure: unknown) => ({ message: inWords(failure) }),
    );
    last = message;
    return message;
  };
  await eventually(`a build is refused: ${what}`, async () => shown.test(await refusal()), CAUSED_WITHIN_MS).catch(
    (cause: unknown) => {
      throw new Error(`Not refused as it should be; the last answer was: ${last}`, { cause });
    },
  );
  const [shownMs, heardMs]: [number[], number[]] = [[], []];
  for (let times = 0; times < ASKED; times += 1) {
    const askedMs = performance.now();
    expect(await refusal()).toMatch(shown);
    shownMs.push(performance.now() - askedMs);
    const build = await stage.openUnasked(order);
    const { tookMs, answer } = await answerTo(build);
    expect
      .soft(answer, what)
      .toMatchObject({ code: heard.code, details: expect.stringMatching(heard.says) as unknown });
    heardMs.push(tookMs);
    stage.plane.endBuild(build.buildId);
  }
  expect.soft(Math.max(...shownMs, ...heardMs), what).toBeLessThan(LIMIT_MS);
  rows.push([`${what}: ${code[heard.code]}`, String(ASKED), ...figures(shownMs), ...figures(heardMs)]);
}

/** One call of a client that has just come. */
async function answerTo(build: Parameters<typeof RawCalls.of>[0]) {
  using client = await RawCalls.of(build);
  const askedMs = performance.now();
  const answer = await client.call(`${CONTROL}ListWorkers`, new Uint8Array());
  return { answer, tookMs: performance.now() - askedMs };
}

async function untilTaken(stage: Stage): Promise<void> {
  const isTaken = (): Promise<boolean> =>
    stage.plane.openBuild({ ...REF }).then(
      ({ buildId }) => {
        stage.plane.endBuild(buildId);
        return true;
      },
      () => false,
    );
  await eventually("builds are taken again", isTaken, CAUSED_WITHIN_MS);
}

/** Half of them were no later, and the last. */
function figures(ms: readonly number[]): readonly [string, string] {
  const sorted = ms.toSorted((a, b) => a - b);
  return [(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(0), (sorted.at(-1) ?? Number.NaN).toFixed(0)];
}
