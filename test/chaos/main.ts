import { randomInt } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { moreOf } from "./descriptors.ts";
import type { Sample } from "./gauge.ts";
import { readOptions } from "./options.ts";
import { type Reported, writeReport } from "./report.ts";
import { type Ran, run } from "./run.ts";
import { clockTime, readSchedule, type Schedule, scheduleOf, tell } from "./schedule.ts";
import { shorten } from "./shorten.ts";
import type { Breach } from "./timeline.ts";

const EX_USAGE = 64;
const EX_TEMPFAIL = 75;
/** Of one promise's breaches. */
const SHOWN = 8;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stop.abort(new Error(`ended by ${signal}`)));
process.exitCode = await main().catch((failure: unknown) => {
  if (!stop.signal.aborted) throw failure;
  process.stderr.write(`${String(stop.signal.reason)}\n`);
  return EX_TEMPFAIL;
});

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "2" },
      seed: { type: "string", multiple: true },
      without: { type: "string", multiple: true, default: [] },
      schedule: { type: "string" },
      "shrink-minutes": { type: "string", default: "10" },
      write: { type: "boolean", default: false },
    },
  });
  const options = readOptions(values);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n`);
    return EX_USAGE;
  }
  const { seeds, lengthMs, without, shrinkMs } = options;
  const schedules =
    values.schedule === undefined
      ? (seeds ?? [randomInt(2 ** 31)]).map((seed) => scheduleOf(seed, lengthMs, without))
      : [readSchedule(await readFile(values.schedule, "utf8"))];
  const runs: Reported[] = [];
  const startedMs = performance.now();
  for (const schedule of schedules) runs.push({ schedule, ran: await oneRun(schedule, shrinkMs) });
  if (values.write) await writeReport(runs, (performance.now() - startedMs) / 1_000);
  const broken = runs.reduce((sum, { ran }) => sum + ran.breaches.length, 0);
  print(lastLine(runs, broken));
  return broken === 0 ? 0 : 1;
}

async function oneRun(schedule: Schedule, shrinkMs: number): Promise<Ran> {
  print(`seed ${schedule.seed}: ${schedule.faults.length} faults in ${clockTime(schedule.lengthMs)}`);
  const dir = await mkdtemp(join(tmpdir(), "chaos-"));
  const startedMs = Date.now();
  const ran = await run(schedule, {
    slowness: slowness(),
    keepLogAs: join(dir, "agent.log"),
    signal: stop.signal,
    said: (line) => print(`  ${clockTime(Date.now() - startedMs)}  ${line}`),
  });
  for (const { build, by, told } of ran.explanations) print(`  ${build.buildId} failed by ${by}: ${told}`);
  for (const line of toldSamples(ran)) print(line);
  const [first] = ran.breaches;
  if (first === undefined) {
    await rm(dir, { recursive: true });
    return ran;
  }
  for (const line of toldBreaches(ran.breaches)) print(line);
  const file = join(dir, "schedule.json");
  await writeFile(file, JSON.stringify(schedule));
  print(`the agent's log is ${join(dir, "agent.log")}; this run again: npm run chaos -- --schedule ${file}`);
  await shrink(schedule, first.promise, { file: join(dir, "shortest.json"), forMs: shrinkMs });
  return ran;
}

/** Looks for the shortest schedule that breaks the same promise, and says which it is. */
async function shrink(
  schedule: Schedule,
  promise: string,
  { file, forMs }: { readonly file: string; readonly forMs: number },
): Promise<void> {
  const untilMs = performance.now() + forMs;
  if (forMs === 0) return;
  print(`looking for the shortest schedule that breaks it, for ${clockTime(forMs)}`);
  const breaks = async (shorter: Schedule): Promise<boolean> => {
    const { breaches } = await run(shorter, { slowness: slowness(), signal: stop.signal, said: () => undefined });
    const isBroken = breaches.some((breach) => breach.promise === promise);
    print(`  ${shorter.faults.length} faults: ${isBroken ? "still broken" : "kept"}`);
    return isBroken;
  };
  const shortest = await shorten(schedule, breaks, () => stop.signal.aborted || performance.now() >= untilMs);
  await writeFile(file, JSON.stringify(shortest));
  print(`${tell(shortest)}\nthe shortest that was found: npm run chaos -- --schedule ${file}`);
}

/** What each process holds when idle, before and after. */
function toldSamples({ before, after }: Ran): readonly string[] {
  const mib = (sample: Sample | undefined): string => (sample ? `${Math.round(sample.rssKib / 1_024)}` : "?");
  return before.samples.map((first) => {
    const now = after.samples.find(({ name }) => name === first.name);
    const descriptors = `${first.descriptors.length} → ${now?.descriptors.length ?? "?"} descriptors`;
    const more = moreOf(first.descriptors, now?.descriptors ?? []);
    return `  ${first.name}, idle: ${mib(first)} → ${mib(now)} MiB, ${descriptors}${more && ` (${more})`}`;
  });
}

/** Each promise once, with some of what broke it. */
function toldBreaches(breaches: readonly Breach[]): readonly string[] {
  const promises = [...new Set(breaches.map(({ promise }) => promise))];
  return promises.flatMap((promise) => {
    const all = breaches.filter((breach) => breach.promise === promise);
    const more = all.length > SHOWN ? [`          and ${all.length - SHOWN} more`] : [];
    return [`  BROKEN: ${promise}`, ...all.slice(0, SHOWN).map(({ because }) => `          ${because}`), ...more];
  });
}

function lastLine(runs: readonly Reported[], broken: number): string {
  const builds = runs.flatMap(({ ran }) => ran.timeline.builds).length;
  const faults = runs.flatMap(({ ran }) => ran.timeline.faults).length;
  const explained = runs.flatMap(({ ran }) => ran.explanations).length;
  const seeds = runs.map(({ schedule }) => schedule.seed).join(", ");
  return `seed ${seeds}: ${faults} faults, ${builds} builds, ${explained} failed by them, ${broken} broken promises`;
}

/** As the tiers measured it. */
function slowness(): number {
  return Number(process.env["BUILDER_AGENT_SLOWNESS"] || 1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
