import { showUnit, showUnits } from "./systemctl.ts";
import { OWN_UNIT } from "./unit-names.ts";

/**
 * Whether the manager itself is ending this process: a job for our unit is under way, and we live,
 * so it is to stop or restart us. Every unit that we may ask for is ordered to stop after us, so a
 * wait for its end would be a wait for our own.
 */
export async function isManagerEndingUs(signal: AbortSignal): Promise<boolean> {
  return isEnding(await showUnit(OWN_UNIT, { Job: "", ActiveState: "" }, signal));
}

/** The same, and whether a stop of `unit` would find anything to do: each question is a process. */
export async function beforeStopOf(
  unit: string,
  signal: AbortSignal,
): Promise<{ readonly endsUs: boolean; readonly isDown: boolean }> {
  const [own = {}, other = {}] = await showUnits([OWN_UNIT, unit], ["Job", "ActiveState"], signal);
  return { endsUs: isEnding(own), isDown: other["ActiveState"] === "inactive" && !hasJob(other) };
}

type Seen = Readonly<Record<string, string>>;

function isEnding(unit: Seen): boolean {
  return unit["ActiveState"] === "deactivating" && hasJob(unit);
}

function hasJob({ Job = "" }: Seen): boolean {
  return /^[1-9]/.test(Job);
}
