import { pino, stdTimeFunctions } from "pino";
import type { LogLine } from "./log-line.ts";

/** What every line has: data of the same name gets an underscore, so that it cannot pass for it. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "event", "process", "pid"]);

/**
 * One JSON object in one line, for pipes and for journald: `level`, `time` (RFC 3339, UTC),
 * `event`, `process`, `pid`, and the data.
 */
export function jsonLines(process: string, pid: number): (line: LogLine) => string {
  let written = "";
  const to = { write: (line: string) => (written = line) };
  const logger = pino(
    {
      level: "debug",
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // What `printable` made of an error is all that is wanted: pino's own would add to it.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );
  return ({ level, event, data }) => {
    logger[level]({ event, process, pid, ...unreserved(data) });
    return written;
  };
}

function unreserved(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.keys(data).some((key) => RESERVED.has(key))) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]));
}
