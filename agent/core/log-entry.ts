/** A line of a log, ours or another program's, as far as it could be read. */
export interface LogEntry {
  /** Wall clock; absent: the line does not say. */
  readonly atMs?: number;
  readonly level: LogEntryLevel;
  /** Who wrote it: a process of ours, or a unit. "" where nobody knows. */
  readonly by: string;
  /** Of a line of ours: its stable name. */
  readonly event?: string;
  /** The rest of a line of ours. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Of another program's line: all of it. */
  readonly text?: string;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogEntryLevel = (typeof LOG_LEVELS)[number];

/** A line as it was found, and what the journal knows of it. */
export interface RawLine {
  readonly text: string;
  readonly unit?: string;
  readonly atMs?: number;
  /** syslog(3): 0 is an emergency, 7 is for debugging. */
  readonly priority?: number;
}

/** Never throws: what is no line of ours is its text. */
export function readLogLine({ text, unit = "", atMs, priority }: RawLine): LogEntry {
  const ours = objectOf(text);
  const by = unit.replace(/^builder-agent-/, "").replace(/(@.*)?\.service$/, "");
  if (typeof ours?.["event"] !== "string") {
    const level = levelOfText(text) ?? levelOfPriority(priority) ?? "info";
    return { level, by, data: {}, text, ...(atMs !== undefined && { atMs }) };
  }
  const { level, time, process, event, pid: _, ...data } = ours;
  const wroteMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return {
    level: levelOf(level) ?? levelOfPriority(priority) ?? "info",
    by: typeof process === "string" ? process : by,
    event,
    data,
    ...(Number.isNaN(wroteMs) ? atMs !== undefined && { atMs } : { atMs: wroteMs }),
  };
}

export interface LogFilter {
  readonly level?: LogEntryLevel;
  /** Lines that name this build, whatever for. */
  readonly build?: string;
  readonly sinceMs?: number;
  /** Whose lines. */
  readonly by?: readonly string[];
}

export function passes(entry: LogEntry, { level = "debug", build, sinceMs, by }: LogFilter): boolean {
  if (LOG_LEVELS.indexOf(entry.level) < LOG_LEVELS.indexOf(level)) return false;
  if (sinceMs !== undefined && entry.atMs !== undefined && entry.atMs < sinceMs) return false;
  if (by !== undefined && by.length > 0 && !by.includes(entry.by)) return false;
  return build === undefined || names(entry, build);
}

function names({ data, text }: LogEntry, build: string): boolean {
  if (text === undefined) return JSON.stringify(data).includes(JSON.stringify(build));
  return text.split(/[^\w.-]+/).includes(build);
}

/** As Go's programs write it: level=warning. */
function levelOfText(text: string): LogEntryLevel | undefined {
  const [, word] = /\blevel=([a-z]+)\b/.exec(text) ?? [];
  return levelOf(word);
}

function levelOf(word: unknown): LogEntryLevel | undefined {
  switch (word) {
    case "trace":
    case "debug":
      return "debug";
    case "info":
      return "info";
    case "warn":
    case "warning":
      return "warn";
    case "error":
    case "fatal":
    case "panic":
      return "error";
    default:
      return undefined;
  }
}

function levelOfPriority(priority: number | undefined): LogEntryLevel | undefined {
  if (priority === undefined) return undefined;
  if (priority <= 3) return "error";
  if (priority === 4) return "warn";
  return priority === 7 ? "debug" : "info";
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
