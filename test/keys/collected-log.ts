import type { Log, LogData } from "../../agent/ports/log.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly data: LogData;
}

/** Keeps what is logged, for asserts. */
export class CollectedLog implements Log {
  readonly lines: LogLine[] = [];

  debug(data: LogData, event: string): void {
    this.lines.push({ level: "debug", event, data });
  }
  info(data: LogData, event: string): void {
    this.lines.push({ level: "info", event, data });
  }
  warn(data: LogData, event: string): void {
    this.lines.push({ level: "warn", event, data });
  }
  error(data: LogData, event: string): void {
    this.lines.push({ level: "error", event, data });
  }

  events(): readonly string[] {
    return this.lines.map((line) => line.event);
  }
}
