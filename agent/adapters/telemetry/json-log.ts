import { pino, stdTimeFunctions } from "pino";
import type { Log, LogData } from "../../ports/log.ts";
import { LineOutput } from "./line-output.ts";
import { printable } from "./printable.ts";

/** What every line has: data of the same name gets an underscore, so that it cannot pass for it. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "pid", "process", "event"]);

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface JsonLogOptions {
  /** Which of our processes speaks. */
  readonly process: "buildkit" | "control" | "gateway" | "launcher" | "network" | "terminal" | "volume";
  readonly level: LogLevel;
  /** The file descriptor to write to; stdout if absent. */
  readonly fd?: number;
}

/** The level may change while the process runs. */
export interface JsonLog extends Log {
  setLevel(level: LogLevel): void;
}

/**
 * One JSON object a line: `level`, `time` (ISO 8601, UTC), `process`, `pid`, the data, and `event`.
 * A line never throws, never waits and never ends the process, whatever is behind the descriptor:
 * see `LineOutput`. What had to be dropped is counted, and told as `log.dropped` once it is over.
 */
export function jsonLog(options: JsonLogOptions): JsonLog {
  const output = new LineOutput({ fd: options.fd ?? 1, dropped: (lines) => droppedLine(options, lines) });
  const logger = loggerTo(output, options);
  const at =
    (level: Exclude<LogLevel, "silent">) =>
    (data: LogData, event: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](printable(unreserved(data)), event);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

function loggerTo(output: { write(line: string): void }, { level, process: name }: JsonLogOptions) {
  return pino(
    {
      level,
      base: { process: name, pid: process.pid },
      messageKey: "event",
      timestamp: stdTimeFunctions.isoTime,
      // What `printable` made of an error is all that is wanted: pino's own would add to it.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
}

/** An error, so that every level shows it: what was dropped may have been errors. */
function droppedLine(options: JsonLogOptions, lines: number): string {
  let written = "";
  loggerTo({ write: (line) => (written = line) }, { ...options, level: "error" }).error({ lines }, "log.dropped");
  return written;
}

function unreserved(data: LogData): LogData {
  if (!Object.keys(data).some((key) => RESERVED.has(key))) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]));
}
