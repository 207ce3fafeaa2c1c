import type { Output } from "./output.ts";

const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

export function painter(enabled: boolean): Paint {
  return (colour, text) => (enabled ? `\u001B[${CODES[colour]}m${text}\u001B[0m` : text);
}

/** Rows of text as a table: every column but the last as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, [...cell].length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - [...cell].length));
}

const ESCAPE = "\u001B";
const COLOUR_OR_CHARACTER = new RegExp(`(${ESCAPE}\\[[\\d;]*m|.)`, "u");

/**
 * Lines that fit a terminal: one that is too long is broken between words, and goes on below the
 * last column of its table. Colours count nothing.
 */
export function wrapped(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split("\n")
    .map((line) => wrappedLine(line, width))
    .join("\n");
}

function wrappedLine(line: string, width: number): string {
  if (shownLength(line) <= width) return line;
  const head = headOf(line, width);
  const indent = Math.min(shownLength(head), Math.floor(width / 2));
  const lines = [head];
  for (const word of line.slice(head.length).split(" ")) {
    const last = lines.at(-1) ?? "";
    const isFirst = last === head || last.trim() === "";
    if (!isFirst && shownLength(last) + 1 + shownLength(word) > width) lines.push(" ".repeat(indent) + word);
    else lines[lines.length - 1] = isFirst ? last + word : `${last} ${word}`;
  }
  return lines.join("\n");
}

/** What a line goes on below: its columns but the last, where they leave room for that. */
function headOf(line: string, width: number): string {
  const gaps = [...line.matchAll(/ {2,}(?=\S)/g)].map(({ index, 0: gap }) => line.slice(0, index + gap.length));
  return gaps.findLast((head) => shownLength(head) <= width - LAST_COLUMN_LEAST) ?? "";
}

/** Less says nothing. */
const LAST_COLUMN_LEAST = 20;

/**
 * The same for a place that is written again and again: its lines have to be counted, so a word
 * that is longer than a line is cut.
 */
export function fitted(text: string, width: number): readonly string[] {
  return wrapped(text, width)
    .split("\n")
    .flatMap((line) => cut(line, width));
}

function cut(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let [piece, length] = ["", 0];
  for (const part of line.split(COLOUR_OR_CHARACTER).filter((one) => one !== "")) {
    const isShown = !part.startsWith(ESCAPE);
    if (isShown && length === width) {
      lines.push(piece);
      [piece, length] = ["", 0];
    }
    piece += part;
    if (isShown) length += 1;
  }
  return [...lines, piece];
}

function shownLength(line: string): number {
  const [first = "", ...coloured] = line.split(ESCAPE);
  return [first, ...coloured.map((part) => part.slice(part.indexOf("m") + 1))].reduce(
    (sum, part) => sum + [...part].length,
    0,
  );
}

/**
 * The version of what `--json` prints. It counts up when a field is taken away or changes its
 * meaning; new fields do not change it. Data that has a version of its own keeps that.
 */
const SCHEMA_VERSION = 1;

export function printJson(output: Output, data: Readonly<Record<string, unknown>>): void {
  output.out(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...data }, null, 2)}\n`);
}

/** The same on one line, for output that goes on. */
export function printJsonLine(output: Output, data: Readonly<Record<string, unknown>>): void {
  output.out(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...data })}\n`);
}
