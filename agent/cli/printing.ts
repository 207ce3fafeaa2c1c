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

/**
 * The version of what `--json` prints. It counts up when a field is taken away or changes its
 * meaning; new fields do not change it. Data that has a version of its own keeps that.
 */
const SCHEMA_VERSION = 1;

export function printJson(output: Output, data: Readonly<Record<string, unknown>>): void {
  output.out(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...data }, null, 2)}\n`);
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A length of time in the two largest units that say something: "3 d 4 h", "12 min", "0 s". */
export function duration(ms: number): string {
  const parts: string[] = [];
  let left = Math.max(0, ms);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}
