import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { aligned } from "../../bench/report/table.ts";
import { FAULTS } from "./faults/all.ts";
import { RECOVERED_MS } from "./oracle/windows.ts";
import type { Ran } from "./run.ts";
import type { Schedule } from "./schedule.ts";

/** A run, and what it was a run of. */
export interface Reported {
  readonly schedule: Schedule;
  readonly ran: Ran;
}

const BUILDS = ["seed", "minutes", "faults", "builds", "right", "failed, explained", "failed, unexplained", "wrong"];
const MACHINE = [
  "seed",
  "sessions",
  "records lost",
  "doubled",
  "left over",
  "ready after the last fault",
  "broken promises",
];

/** Replaces what docs/reliability.md says of chaos. */
export async function writeReport(runs: readonly Reported[], seconds: number): Promise<void> {
  const seeds = runs.map(({ schedule }) => ` --seed ${schedule.seed}`).join("");
  const minutes = [...new Set(runs.map(({ schedule }) => minutesOf(schedule)))].join(", ");
  const command = `npm run chaos -- --minutes ${minutes}${seeds} --write`;
  const figures = asMeasured({ command, seconds, figures: figuresOf(runs) });
  await writeSection({ page: "docs/reliability.md", name: "chaos" }, figures);
}

/** Markdown: a row a run, and a line for each fault. */
export function figuresOf(runs: readonly Reported[]): string {
  const felt = `A build may fail by a fault until the first one is right that was ordered after its end, for ${RECOVERED_MS / 1_000} s at most on a quiet machine, and only in the ways that are named here:`;
  const faults = Object.entries(FAULTS).map(([is, { what, breaks }]) => `- \`${is}\`: ${what}: ${waysOf(breaks)}`);
  const tables = [aligned([BUILDS, ...runs.map(buildsOf)]), aligned([MACHINE, ...runs.map(machineOf)])];
  return [...tables, felt, faults.join("\n")].join("\n\n");
}

function buildsOf({ schedule, ran }: Reported): readonly string[] {
  const { builds, faults } = ran.timeline;
  const count = (is: string): number => builds.filter(({ outcome }) => outcome.is === is).length;
  const explained = ran.explanations.length;
  const counts = [faults.length, builds.length, count("right"), explained, count("failed") - explained, count("wrong")];
  return [schedule.seed, minutesOf(schedule), ...counts].map(String);
}

function machineOf({ schedule, ran }: Reported): readonly string[] {
  const { breaches, timeline } = ran;
  const { sessions, readyMs, lastMendMs } = timeline;
  const count = (pattern: RegExp): number => breaches.filter(({ because }) => pattern.test(because)).length;
  const counts = [count(/has no record$/), count(/has \d+ records$/), count(/is left$/)];
  const ready = readyMs === undefined ? "never" : `${((readyMs - lastMendMs) / 1_000).toFixed(1)} s`;
  return [schedule.seed, sessions.length, ...counts, ready, breaches.length].map(String);
}

function waysOf(breaks: readonly string[]): string {
  return breaks.length === 0 ? "none may" : breaks.map((told) => `\`${told}\``).join(", ");
}

function minutesOf({ lengthMs }: Schedule): number {
  return Math.round(lengthMs / 6_000) / 10;
}
