import type { LogEntry } from "../../core/log-entry.ts";
import { plainWords } from "../../core/plain-words.ts";
import { isLoggedChain, type LoggedError } from "./log-error.ts";
import type { LogLine } from "./log-line.ts";

const CODES = { dim: 2, green: 32, yellow: 33, red: 31, bold: 1 } as const;
const INKS = { debug: "dim", info: "green", warn: "yellow", error: "red" } as const;
const LONGEST_LEVEL = "error".length;
/** The launcher's: a column for who speaks. */
const WIDEST_PROCESS = "launcher".length;
const TIME_CHARS = "2000-01-01 00:00:00.000Z".length;
const INDENT = "    ";
const PLAIN = /^[^\s"'=]+$/;

type Paint = (ink: keyof typeof CODES, text: string) => string;

/** This process's lines for a person at its terminal. */
export function prettyLines(process: string, colours: boolean): (line: LogLine) => string {
  const paint: Paint = (ink, text) => (colours ? `\u001B[${CODES[ink]}m${text}\u001B[0m` : text);
  return (line) => `${entryInWords({ ...line, by: process, atMs: Date.now() }, paint)}\n`;
}

/**
 * A line of a log for a person: when (UTC), how grave, who, what, then the data. Below it, one a
 * line, an error with its causes and whatever is a list of lines.
 */
export function entryInWords({ atMs, level, by, event, data, text }: LogEntry, paint: Paint): string {
  const when = atMs === undefined ? "" : new Date(atMs).toISOString().replace("T", " ");
  const grave = paint(INKS[level], level.toUpperCase().padEnd(LONGEST_LEVEL));
  const head = `${paint("dim", when.padEnd(TIME_CHARS))} ${grave} ${by.padEnd(WIDEST_PROCESS)}`;
  if (event === undefined) return `${head} ${plainWords(text ?? "")}`;
  const { fields, below } = dataInWords(data, (name) => paint("dim", name));
  return [[head, paint("bold", plainWords(event)), ...fields].join(" "), ...below].join("\n");
}

/** The data as a person reads it: what stands behind the event, and the lines below it. */
function dataInWords(
  data: LogLine["data"],
  dim: (text: string) => string,
): { readonly fields: readonly string[]; readonly below: readonly string[] } {
  const fields: string[] = [];
  const below: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue;
    const lines = linesOf(key, value);
    if (lines === undefined) fields.push(`${dim(`${plainWords(key)}=`)}${plain(value)}`);
    else below.push(...lines.map((line) => `${INDENT}${plainWords(line)}`));
  }
  return { fields, below };
}

/** Undefined of what fits behind the event. */
function linesOf(key: string, value: unknown): readonly string[] | undefined {
  if (key === "err" && isLoggedChain(value))
    return [
      inWords("error", value),
      ...(value.causes ?? []).map((cause) => inWords("cause", cause)),
      ...(value.stack ?? []),
    ];
  const isText = Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
  return isText && value.some((item) => item.includes(" ")) ? value.map((item) => `${key}: ${item}`) : undefined;
}

function inWords(what: string, { message, code }: LoggedError): string {
  return `${what}: ${message}${code === undefined ? "" : ` (${code})`}`;
}

function plain(value: unknown): string {
  if (typeof value === "string") return plainWords(PLAIN.test(value) ? value : JSON.stringify(value));
  return plainWords(JSON.stringify(value));
}
