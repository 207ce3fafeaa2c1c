import { showUnit } from "./systemctl.ts";
import { OWN_UNIT } from "./unit-names.ts";

/**
 * Whether the manager itself is ending this process: a job for our unit is under way, and we live,
 * so it is to stop or restart us. Every unit that we may ask for is ordered to stop after us, so a
 * wait for its end would be a wait for our own.
 */
export async function isManagerEndingUs(signal: AbortSignal): Promise<boolean> {
  const { Job, ActiveState } = await showUnit(OWN_UNIT, { Job: "", ActiveState: "" }, signal);
  return ActiveState === "deactivating" && /^[1-9]/.test(Job);
}
