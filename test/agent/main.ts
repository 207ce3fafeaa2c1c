import "./world/quick-abort.ts";
import { parseArgs } from "node:util";
import type { Fact, Moment } from "./facts.ts";
import { allInvariants } from "./invariants/all.ts";
import { clockTime, type Schedule, tell } from "./schedule.ts";
import { shortest, simulate, survey } from "./simulate.ts";
import { simulateDay } from "./simulate-day.ts";
import type { Breach } from "./trace.ts";

const EX_USAGE = 64;
const USUAL_DAYS = 20;
/** As many as there is time for. */
const MOST_DAYS = 100_000;

/** Facts that come again and again. */
const BEATS: ReadonlySet<string> = new Set(["second", "shown", "reported"]);

const { values } = parseArgs({
  options: {
    days: { type: "string" },
    minutes: { type: "string" },
    seed: { type: "string" },
    promise: { type: "string", multiple: true },
    without: { type: "string", multiple: true },
    because: { type: "string", default: "" },
    survey: { type: "boolean", default: false },
    replay: { type: "string" },
    tell: { type: "boolean", default: false },
  },
});
const known = allInvariants().map(({ name }) => name);
const unknown = values.promise?.find((name) => !known.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`no such promise: ${unknown}; there are ${known.join(", ")}\n`);
  process.exit(EX_USAGE);
}
const chosen = { promises: values.promise ?? known, without: values.without ?? [], because: values.because };
const limits = {
  seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed),
  days: Number(values.days ?? (values.minutes === undefined ? USUAL_DAYS : MOST_DAYS)),
  forMs: Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000,
};
if (values.replay !== undefined) process.exitCode = await replay(JSON.parse(values.replay) as Schedule);
else process.exitCode = await (values.survey ? lookAtAll() : run());

async function run(): Promise<number> {
  print(`seed ${limits.seed}`);
  const { days, events, found } = await simulate(chosen, limits);
  if (found !== undefined) {
    print(`day ${days} broke a promise: ${found.breach.promise}: ${found.breach.because}`);
    print("looking for the shortest schedule");
    const { schedule, breach } = await shortest(found, chosen);
    show(schedule, [breach]);
    print(`the same days again: npm run simulate -- --seed ${limits.seed} --days ${days}`);
  }
  const broken = found === undefined ? 0 : 1;
  print(`${days} days, ${events} events, ${broken} broken promises`);
  return broken;
}

async function lookAtAll(): Promise<number> {
  print(`seed ${limits.seed}`);
  const surveyed = await survey(chosen, limits);
  for (const { first, firstDay, days } of surveyed)
    print(`${first.breach.invariant}: on ${days} days, first on day ${firstDay}: ${first.breach.because}`);
  print(`${surveyed.length} kinds of broken promises`);
  return surveyed.length === 0 ? 0 : 1;
}

async function replay(schedule: Schedule): Promise<number> {
  const note = (data: object, event: string): void => print(`${event} ${JSON.stringify(data, plain)}`);
  const onFact = (fact: Fact, { monoMs }: Moment): void => {
    if (!BEATS.has(fact.is)) note({ atMs: monoMs, ...fact }, "·");
  };
  const { breaches } = await simulateDay(schedule, {
    invariants: allInvariants().filter(({ name }) => chosen.promises.includes(name)),
    atMostMs: Number.POSITIVE_INFINITY,
    ...(values.tell && { log: { debug: note, info: note, warn: note, error: note }, onFact }),
  });
  show(schedule, breaches);
  return breaches.length === 0 ? 0 : 1;
}

function show(schedule: Schedule, breaches: readonly Breach[]): void {
  print(tell(schedule));
  for (const breach of breaches) {
    print(`  ${clockTime(breach.afterBootMs)}  BROKEN: ${breach.promise} (${breach.invariant})`);
    print(`                ${breach.because}`);
  }
  print(`replay: npm run simulate -- --replay '${JSON.stringify(schedule)}'`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return value.message;
  return value instanceof Set || value instanceof Map ? [...value] : value;
}
