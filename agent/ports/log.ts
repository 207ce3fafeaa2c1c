/**
 * Structured log. `event` is a stable name such as `session.closed`; `data` holds no secrets (the
 * `Secret` type does not print). An `err` is logged with all its causes.
 */
export interface Log {
  debug(data: LogData, event: string): void;
  info(data: LogData, event: string): void;
  warn(data: LogData, event: string): void;
  error(data: LogData, event: string): void;
}

export type LogData = Readonly<Record<string, unknown>>;
