import type { EventAt, EventData, EventName, LevelOf } from "../core/events/index.ts";

/**
 * Structured log. `event` is a stable name such as `session.closed`, and `data` what its table in
 * `core/events/` says; it holds no secrets (the `Secret` type does not print). An `err` is logged
 * with all its causes.
 */
export interface Log {
  debug<E extends EventAt<"debug">>(data: EventData<E>, event: E): void;
  info<E extends EventAt<"info">>(data: EventData<E>, event: E): void;
  warn<E extends EventAt<"warn">>(data: EventData<E>, event: E): void;
  error<E extends EventAt<"error">>(data: EventData<E>, event: E): void;
}

/** For an event whose level depends: `log[level](data, event)`. */
export type LogOf<E extends EventName> = { readonly [L in LevelOf<E>]: (data: EventData<E>, event: E) => void };

/** Who writes the lines, and knows no event by name. */
export interface AnyLog {
  debug(data: LogData, event: string): void;
  info(data: LogData, event: string): void;
  warn(data: LogData, event: string): void;
  error(data: LogData, event: string): void;
}

export type LogData = Readonly<Record<string, unknown>>;
