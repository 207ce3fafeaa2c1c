import { readFile, writeFile } from "node:fs/promises";
import { inTree } from "../../sandbox/stack/tree.ts";
import { FAULTS } from "./faults/all.ts";
import { RECOVERED_MS } from "./oracle/windows.ts";
import type { Ran } from "./run.ts";
import type { Schedule } from "./schedule.ts";

const FILE = "docs/reliability.md";
const [BEGIN, END] = ["<!-- chaos:begin -->", "<!-- chaos:end -->"];

/** A run, and what it was a run of. */
export interface Reported {
  readonly schedule: Schedule;
  readonly ran: Ran;
}

/** Replaces what stands between the markers, and nothing else. @throws {Error} without markers. */
export async function writeReport(runs: readonly Reported[], day: string): Promise<void> {
  const text = await readFile(inTree(FILE), "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${FILE} has no ${BEGIN} … ${END} to write between`);
  await writeFile(inTree(FILE), `${text.slice(0, from + BEGIN.length)}\n\n${figures(runs, day)}\n${text.slice(to)}`);
}

/** Markdown. */
export function figures(runs: readonly Reported[], day: string): string {
  const rows = runs.map(({ schedule, ran }) => row(cells(schedule, ran)));
  const kinds = Object.entries(FAULTS).map(([is, { what, breaks }]) => row([`\`${is}\``, what, words(breaks)]));
  return [
    `Measured on ${day}.`,
    "",
    ...table(["seed", "minutes", "faults", "builds", "right", "broken by a fault, and told", "wrong", "unexplained"]),
    ...rows,
    "",
    ...table(["seed", "sessions", "records lost", "doubled", "left over", "ready after the last fault", "promises broken"]),
    ...runs.map(({ schedule, ran }) => row(moreCells(schedule, ran))),
    "",
    `What each fault may do to a build; a failure that is told in no such way is a broken promise, and so is one after the next build was right, or ${RECOVERED_MS / 1_000} s later than the fault on a quiet machine:`,
    "",
    ...table(["fault", "what happens", "how a build may fail by it"]),
    ...kinds,
    "",
  ].join("\n");
}

function cells({ seed, lengthMs, faults }: Schedule, { timeline, explanations }: Ran): readonly unknown[] {
  const { builds } = timeline;
  const count = (is: string): number => builds.filter(({ outcome }) => outcome.is === is).length;
  const minutes = (lengthMs / 60_000).toFixed(1);
  const unexplained = count("failed") - explanations.length;
  return [seed, minutes, faults.length, builds.length, count("right"), explanations.length, count("wrong"), unexplained];
}

function moreCells({ seed }: Schedule, { timeline, breaches }: Ran): readonly unknown[] {
  const { sessions, readyMs, lastMendMs } = timeline;
  const lost = breaches.filter(({ because }) => because.endsWith("has no record")).length;
  const doubled = breaches.filter(({ because }) => /has \d+ records$/.test(because)).length;
  const left = breaches.filter(({ because }) => because.endsWith("is left")).length;
  const ready = readyMs === undefined ? "never" : `${((readyMs - lastMendMs) / 1_000).toFixed(1)} s`;
  return [seed, sessions.length, lost, doubled, left, ready, breaches.length];
}

function words(breaks: readonly string[]): string {
  return breaks.length === 0 ? "none may" : breaks.map((told) => `\`${told}\``).join(" ");
}

function table(heads: readonly string[]): readonly string[] {
  return [row(heads), row(heads.map(() => "---"))];
}

function row(fields: readonly unknown[]): string {
  return `| ${fields.map(String).join(" | ")} |`;
}
