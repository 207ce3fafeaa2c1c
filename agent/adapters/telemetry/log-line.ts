import type { AnyLog } from "../../ports/log.ts";

export interface LogLine {
  readonly level: keyof AnyLog;
  readonly event: string;
  /** Printable. */
  readonly data: Readonly<Record<string, unknown>>;
}
