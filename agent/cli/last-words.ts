import type { Log } from "../ports/log.ts";
import { EXIT } from "./exit-code.ts";

/** After a defect nothing in this process can be relied on: say what it was, and end, so that a fresh one takes its place. */
export function logDefects(log: Log): void {
  const end = (err: unknown): void => {
    log.error({ err }, "process.crashed");
    process.exit(EXIT.software);
  };
  process.on("uncaughtException", end).on("unhandledRejection", end);
}
