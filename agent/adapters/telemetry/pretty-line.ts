import { isLoggedChain, type LoggedError } from "./log-error.ts";
import type { LogLine } from "./log-line.ts";

const COLOURS = { debug: 2, info: 32, warn: 33, error: 31, bold: 1, dim: 2 } as const;
const LONGEST_LEVEL = "error".length;
const INDENT = "    ";
/**
 * What moves a terminal's cursor, turns the direction of a text or is not seen at all: what
 * strangers wrote must not do it.
 */
const UNSHOWN = /(?!\t)[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const PLAIN = /^[^\s"'=]+$/;

/**
 * A line for a person: time (UTC), level, event, process, then the data. Below it, one a line, an
 * error with its causes and whatever is a list of lines.
 */
export function prettyLines(process: string, colours: boolean): (line: LogLine) => string {
  const paint = (colour: keyof typeof COLOURS, text: string): string =>
    colours ? `\u001B[${COLOURS[colour]}m${text}\u001B[0m` : text;
  return ({ level, event, data }) => {
    const time = new Date().toISOString().slice("2000-01-01T".length);
    const head = [paint("dim", time), paint(level, level.padEnd(LONGEST_LEVEL)), paint("bold", shown(event))];
    const { fields, below } = dataInWords(data, (text) => paint("dim", text));
    return `${[[...head, paint("dim", process), ...fields].join(" "), ...below].join("\n")}\n`;
  };
}

/** The data as a person reads it: what stands behind the event, and the lines below it. */
export function dataInWords(
  data: LogLine["data"],
  dim: (text: string) => string,
): { readonly fields: readonly string[]; readonly below: readonly string[] } {
  const fields: string[] = [];
  const below: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue;
    const lines = linesOf(key, value);
    if (lines === undefined) fields.push(`${dim(`${shown(key)}=`)}${plain(value)}`);
    else below.push(...lines.map((line) => `${INDENT}${shown(line)}`));
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
  if (typeof value === "string") return shown(PLAIN.test(value) ? value : JSON.stringify(value));
  return shown(JSON.stringify(value));
}

/** A text that a terminal can only show. */
export function shown(text: string): string {
  return text.replace(UNSHOWN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}
