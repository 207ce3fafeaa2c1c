import { fstatSync } from "node:fs";
import type { LogLine } from "./log-line.ts";

/**
 * Priorities of syslog(3), as journald reads them in front of a line (sd-daemon(3)). "info" is its
 * notice: units that come and go often keep what the service manager says of them, which is its
 * info, out of the journal (LogLevelMax=notice), and not what they say themselves.
 */
const PRIORITIES = { debug: 7, info: 5, warn: 4, error: 3 } as const satisfies Record<LogLine["level"], number>;

/**
 * What to put before a line of each level. Undefined unless journald itself reads the descriptor:
 * `JOURNAL_STREAM` names it by device and inode, and a child whose output goes elsewhere has
 * inherited the name all the same.
 */
export function journalPrefix(
  fd: number,
  journalStream: string | undefined,
): ((level: LogLine["level"]) => string) | undefined {
  if (journalStream === undefined || journalStream !== identityOf(fd)) return undefined;
  return (level) => `<${PRIORITIES[level]}>`;
}

function identityOf(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
