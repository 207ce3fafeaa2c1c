import { destination, pino, stdTimeFunctions } from "pino";
import type { Log, LogData } from "../../ports/log.ts";
import { printable } from "./printable.ts";

/** What every line has: data of the same name gets an underscore, so that it cannot pass for it. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "pid", "process", "event"]);

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface JsonLogOptions {
  /** Which of our processes speaks. */
  readonly process: "buildkit" | "control" | "gateway" | "launcher" | "network" | "volume";
  readonly level: LogLevel;
  /** The file descriptor to write to; stdout if absent. */
  readonly fd?: number;
}

/**
 * One JSON object a line: `level`, `time` (ISO 8601, UTC), `process`, `pid`, the data, and `event`. A line is written before the call returns,
 * so that the last words before an exit or a crash are there.
 */
export function jsonLog(options: JsonLogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      messageKey: "event",
      timestamp: stdTimeFunctions.isoTime,
      // What `printable` made of an error is all that is wanted: pino's own would add to it.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: options.fd ?? 1, sync: true }),
  );
  const at =
    (level: Exclude<LogLevel, "silent">) =>
    (data: LogData, event: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](printable(unreserved(data)), event);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function unreserved(data: LogData): LogData {
  if (!Object.keys(data).some((key) => RESERVED.has(key))) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]));
}
