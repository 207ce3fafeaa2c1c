import { readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * Where systemd keeps the id of each unit's present run: a link for each that is up. It is gone
 * with the run.
 */
const RUNS_DIR = "/run/systemd/units";

/** Another for each start of the unit; "" while it is down. */
export function runOf(unit: string): string {
  try {
    return readlinkSync(join(RUNS_DIR, `invocation:${unit}`));
  } catch {
    return "";
  }
}
