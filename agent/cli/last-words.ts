import { stackLines } from "../adapters/telemetry/log-error.ts";
import type { Log } from "../ports/log.ts";
import { EXIT } from "./exit-code.ts";

/**
 * After a defect nothing in this process can be relied on: say what it was, and end, so that a
 * fresh one takes its place. Node's own warnings go to the log, too: Node writes them to standard
 * error, and waits until somebody reads them.
 */
export function logDefects(log: Log): void {
  const end = (err: unknown): void => {
    // Where it was, whatever the level: nobody can make it happen again at debug.
    log.error({ err, stack: stackLines(err instanceof Error ? (err.stack ?? "") : "") }, "process.crashed");
    process.exit(EXIT.software);
  };
  process.on("uncaughtException", end).on("unhandledRejection", end);
  process.removeAllListeners("warning").on("warning", (err) => log.warn({ err }, "process.warning"));
}
