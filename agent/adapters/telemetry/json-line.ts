import type { LogLine } from "./log-line.ts";

/** What every line has: data of the same name gets an underscore, so that it cannot pass for it. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "event", "process", "pid"]);

/**
 * One JSON object in one line, for pipes and for journald: `level`, `time` (RFC 3339, UTC),
 * `event`, `process`, `pid`, and the data. What is printable is plain JSON already: a logging
 * library would add nothing to it, and costs each process 2 MB.
 */
export function jsonLines(process: string, pid: number): (line: LogLine) => string {
  return ({ level, event, data }) => {
    const time = new Date().toISOString();
    return `${JSON.stringify({ level, time, event, process, pid, ...unreserved(data) })}\n`;
  };
}

function unreserved(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.keys(data).some((key) => RESERVED.has(key))) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]));
}
