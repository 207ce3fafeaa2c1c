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
  const [head = ""] = /^.* {2,}(?=\S)/.exec(line) ?? [];
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
