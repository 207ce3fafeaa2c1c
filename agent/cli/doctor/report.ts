import { clause } from "../../core/clause.ts";
import { withTimes } from "../../core/time-words.ts";
import { type Colour, columns, type Paint } from "../printing.ts";
import { counted, explained, type Found, gravestFirst } from "./finding.ts";

const MARKS: Readonly<Record<Found["state"], readonly [string, Colour]>> = {
  fail: ["[-]", "red"],
  unseen: ["[?]", "yellow"],
  warn: ["[!]", "yellow"],
  ok: ["[+]", "green"],
};

/** All that was looked at, for an operator: what is amiss first, each with what to do next. */
export function report(found: readonly Found[], paint: Paint, nowMs: number): string {
  const sorted = gravestFirst(found);
  const width = Math.max(...sorted.map(({ name }) => name.length));
  const table = columns(sorted.flatMap((one) => rows(one, width, nowMs)));
  return `${headline(found, paint)}\n\n${coloured(table, paint)}`;
}

function headline(found: readonly Found[], paint: Paint): string {
  const [failing, unseen, warned] = [counted(found, "fail"), counted(found, "unseen"), counted(found, "warn")];
  const consequences = explained(found);
  const parts = [
    ...(failing > 0 ? [paint("red", `${failing} wrong`)] : []),
    ...(unseen > 0 ? [paint("yellow", `${unseen} could not be looked at`)] : []),
    ...(warned > 0 ? [paint("yellow", `${warned} worth a look`)] : []),
    ...(consequences > 0 ? [`${consequences} because of these`] : []),
  ];
  return `${parts.length === 0 ? paint("green", "all is well") : parts.join(", ")}, of ${found.length} looked at`;
}

function rows(
  { name, state, evidence, next, causedBy }: Found,
  width: number,
  nowMs: number,
): readonly (readonly string[])[] {
  const why = causedBy === undefined ? "" : ` (because of ${causedBy})`;
  const found = [MARKS[state][0], name.padEnd(width), `${clause(withTimes(evidence, nowMs))}${why}`];
  return next === undefined ? [found] : [found, ["", "", `next: ${next}`]];
}

function coloured(table: string, paint: Paint): string {
  return Object.values(MARKS)
    .reduce((text, [mark, colour]) => text.replaceAll(`\n${mark}`, `\n${paint(colour, mark)}`), `\n${table}`)
    .slice(1);
}
