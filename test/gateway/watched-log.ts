import type { Log, LogData } from "../../agent/ports/log.ts";
import { Sightings } from "./sightings.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly data: LogData;
}

/** Keeps what is logged, and lets a test wait for a line. */
export class WatchedLog extends Sightings<LogLine> implements Log {
  debug(data: LogData, event: string): void {
    this.see({ level: "debug", event, data });
  }
  info(data: LogData, event: string): void {
    this.see({ level: "info", event, data });
  }
  warn(data: LogData, event: string): void {
    this.see({ level: "warn", event, data });
  }
  error(data: LogData, event: string): void {
    this.see({ level: "error", event, data });
  }
}
