import type { LogEntry, LogEntryLevel } from "../../core/log-entry.ts";
import type { Colour, Paint } from "../printing.ts";

const COLOURS: Readonly<Record<LogEntryLevel, Colour>> = { debug: "dim", info: "green", warn: "yellow", error: "red" };

/**
 * A line of the log for a person: when, how grave, who, what, and the data. An error's causes go
 * on lines of their own. What could steer a terminal is shown and not done.
 */
export function entryInWords({ atMs, level, by, event, data, text }: LogEntry, paint: Paint): string {
  const when = atMs === undefined ? " ".repeat(TIME_CHARS) : momentOf(atMs);
  const head = `${paint("dim", when)} ${paint(COLOURS[level], level.toUpperCase().padEnd(5))} ${by.padEnd(8)}`;
  if (event === undefined) return `${head} ${printed(text ?? "")}`;
  const { err, ...rest } = data;
  const fields = Object.entries(rest).map(([name, value]) => `${paint("dim", `${name}=`)}${valueOf(value)}`);
  return [[head, paint("bold", event), ...fields].join(" "), ...causesOf(err)].join("\n");
}

const TIME_CHARS = 24;

/** UTC, as the log has it. */
function momentOf(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ");
}

function valueOf(value: unknown): string {
  return typeof value === "string" && /^[^\s"={}[\],\p{Cc}]+$/u.test(value) ? value : printed(JSON.stringify(value));
}

/** An error as the log writes it (telemetry/log-error.ts): itself, then its causes. */
function causesOf(err: unknown): readonly string[] {
  const { causes = [], ...itself } = objectOf(err);
  const chain = [itself, ...(Array.isArray(causes) ? causes.map(objectOf) : [])];
  return chain.flatMap(({ message, code }) => {
    if (typeof message !== "string") return [];
    const known = typeof code === "string" ? ` (${code})` : "";
    return [`${" ".repeat(TIME_CHARS + 7)}because: ${printed(message + known)}`];
  });
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : { message: value };
}

function printed(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === "\t"
      ? character
      : JSON.stringify(character)
          .slice(1, -1)
          .replace(/^[^\\].*/, "\uFFFD"),
  );
}
