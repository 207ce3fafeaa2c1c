import type { Readable } from "node:stream";
import { LineCutter } from "../../core/line-cutter.ts";
import { isFailedCall } from "../../core/unit-exit.ts";
import type { AnyLog, LogData, LogOf } from "../../ports/log.ts";
import { isExpected } from "./probe-trace.ts";

/** As many as UnitExit may hold. */
const KEPT_LINES = 20;
const LINE_MAX_CHARS = 8_192;

/** The levels of logrus. */
const LEVELS: ReadonlyMap<unknown, keyof AnyLog> = new Map([
  ["trace", "debug"],
  ["debug", "debug"],
  ["info", "info"],
  ["warning", "warn"],
  ["error", "error"],
  ["fatal", "error"],
  ["panic", "error"],
]);

/** How its own last error, a panic of Go's, and its wrapper's complaint begin. */
const TELLING = /^(buildkitd|panic|fatal error|unshare|setpriv|SIG[A-Z]+): /;
/** What follows them: the frames of a stack, function and place by turns. */
const FRAME = /^(\t|goroutine \d|[\w./@-]+\.\S+$)/;

/**
 * buildkitd's output becomes our log, line by line, as `buildkit.log` with its own level; what is
 * not a JSON line is a warning, the frames of a stack are for debugging. The last lines are kept,
 * for they tell why it ended; a telling one is not pushed out by the stack below it.
 */
export class DaemonOutput {
  readonly #log: LogOf<"buildkit.log">;
  readonly #kept: string[] = [];

  constructor(log: LogOf<"buildkit.log">) {
    this.#log = log;
  }

  get lastLines(): readonly string[] {
    return [...this.#kept];
  }

  follow(stream: Readable): void {
    const cutter = new LineCutter(LINE_MAX_CHARS);
    stream.setEncoding("utf8");
    stream.on("data", (piece: string) => {
      for (const line of cutter.push(piece)) this.#take(line);
    });
    stream.on("end", () => this.#take(cutter.rest()));
  }

  #take(line: string): void {
    if (line === "") return;
    if (!isFailedCall(line)) this.#keep(line);
    const { level, data } = parseLine(line);
    this.#log[level](data, "buildkit.log");
  }

  #keep(line: string): void {
    this.#kept.push(line);
    if (this.#kept.length <= KEPT_LINES) return;
    const leastTelling = this.#kept.findIndex((kept) => !TELLING.test(kept));
    this.#kept.splice(Math.max(0, leastTelling), 1);
  }
}

/**
 * `{"level":"info","msg":"…","time":"…", …}` → ours: `message` and the other fields under `fields`,
 * where they cannot hide ours. That what must not be reached was not is for debugging.
 */
export function parseLine(line: string): { readonly level: keyof AnyLog; readonly data: LogData } {
  const entry = jsonObject(line);
  if (entry === undefined) return { level: FRAME.test(line) ? "debug" : "warn", data: { message: line } };
  const { level, msg, time: _, ...fields } = entry;
  return {
    level: isExpected(fields) ? "debug" : (LEVELS.get(level) ?? "info"),
    data: { message: typeof msg === "string" ? msg : line, ...(Object.keys(fields).length > 0 && { fields }) },
  };
}

function jsonObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
