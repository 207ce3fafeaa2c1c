import { isatty } from "node:tty";
import { LineBudget } from "../../core/line-budget.ts";
import type { AnyLog, Log, LogData } from "../../ports/log.ts";
import { FaultMemory } from "./fault-memory.ts";
import { journalPrefix } from "./journal-prefix.ts";
import { jsonLines } from "./json-line.ts";
import { LineOutput } from "./line-output.ts";
import type { LogLine } from "./log-line.ts";
import { prettyLines } from "./pretty-line.ts";
import { printable } from "./printable.ts";

const ORDER = ["debug", "info", "warn", "error", "silent"] as const;
const STDOUT = 1;

export type LogLevel = (typeof ORDER)[number];
/** "auto" is pretty on a terminal, and JSON for everything else. */
export type LogFormat = "auto" | "json" | "pretty";

export interface ProcessLogOptions {
  /** Which of our processes speaks. */
  readonly process: "buildkit" | "control" | "gateway" | "launcher" | "network" | "terminal" | "volume";
  readonly level: LogLevel;
  readonly format?: LogFormat;
  /** The file descriptor to write to; stdout if absent. */
  readonly fd?: number;
  /** NO_COLOR, TERM, JOURNAL_STREAM; this process's if absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The level may change while the process runs. */
export interface ProcessLog extends Log {
  setLevel(level: LogLevel): void;
  /** How many lines had to be dropped so far. */
  readonly droppedLines: () => number;
}

/**
 * The log of a process: JSON, or pretty for a person at a terminal, each with its priority in
 * front where journald reads. A line never throws, never waits and never ends the process, whatever
 * is behind the descriptor: see `LineOutput`. A fault that is tried again and again has a line at
 * first and then at growing intervals, and none that another end brings about has more than some a
 * second, at debug each time: see `FaultMemory`, `LineBudget`. What had to be
 * dropped is counted, and told as `log.dropped` once it is over.
 */
export function processLog(options: ProcessLogOptions): ProcessLog {
  const written = writer(options);
  // An error, so that every level shows it: what was dropped may have been errors.
  const dropped = (lines: number): string => written({ level: "error", event: "log.dropped", data: { lines } });
  const output = new LineOutput({ fd: options.fd ?? STDOUT, dropped });
  const faults = new FaultMemory();
  const budget = new LineBudget();
  let least = options.level;
  const isShown = (level: LogLevel): boolean => ORDER.indexOf(level) >= ORDER.indexOf(least);
  const at =
    (level: keyof AnyLog) =>
    (data: LogData, event: string): void => {
      const stacks = isShown("debug");
      const nowMs = performance.now();
      const told = faults.note(level, event, data, nowMs) ?? (stacks ? data : undefined);
      if (told === undefined || !isShown(level)) return;
      const untold = stacks ? 0 : budget.take(event, nowMs);
      if (untold === undefined) return;
      output.write(written({ level, event, data: shown(untold === 0 ? told : { ...told, untold }, stacks) }));
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => {
      least = level;
    },
    droppedLines: () => output.dropped,
  };
}

function writer({
  process: name,
  format = "auto",
  fd = STDOUT,
  environment = process.env,
}: ProcessLogOptions): (line: LogLine) => string {
  const isPretty = format === "pretty" || (format === "auto" && isatty(fd));
  const colours = isatty(fd) && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  const lines = isPretty ? prettyLines(name, colours) : jsonLines(name, process.pid);
  const prefix = journalPrefix(fd, environment["JOURNAL_STREAM"]);
  return prefix === undefined ? lines : (line) => lines(line).replace(/^(?=.)/gm, prefix(line.level));
}

function shown(data: LogData, stacks: boolean): LogLine["data"] {
  const plain = printable(data, { stacks });
  return isRecord(plain) ? plain : { data: plain };
}

function isRecord(plain: unknown): plain is LogLine["data"] {
  return typeof plain === "object" && plain !== null;
}
