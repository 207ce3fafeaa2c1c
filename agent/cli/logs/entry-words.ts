import { dataInWords, shown } from "../../adapters/telemetry/pretty-line.ts";
import type { LogEntry, LogEntryLevel } from "../../core/log-entry.ts";
import type { Colour, Paint } from "../printing.ts";

const COLOURS: Readonly<Record<LogEntryLevel, Colour>> = { debug: "dim", info: "green", warn: "yellow", error: "red" };

/**
 * A line of the log for a person: when, how grave, who, what, and the data as the log itself shows
 * it on a terminal. What could steer a terminal is shown and not done.
 */
export function entryInWords({ atMs, level, by, event, data, text }: LogEntry, paint: Paint): string {
  const when = atMs === undefined ? " ".repeat(TIME_CHARS) : momentOf(atMs);
  const head = `${paint("dim", when)} ${paint(COLOURS[level], level.toUpperCase().padEnd(5))} ${by.padEnd(8)}`;
  if (event === undefined) return `${head} ${shown(text ?? "")}`;
  const { fields, below } = dataInWords(data, (name) => paint("dim", name));
  return [[head, paint("bold", shown(event)), ...fields].join(" "), ...below].join("\n");
}

const TIME_CHARS = 24;

/** UTC, as the log has it. */
function momentOf(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ");
}
