import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import type { MappingFacts } from "../../core/volume/inventory.ts";
import { BUSY, closeMapping, MAPPING } from "./cryptsetup.ts";
import { lookDirectory } from "./settle-xfs.ts";
import type { VolumeHost } from "./volume-host.ts";
import { unmount } from "./xfs.ts";

/**
 * udev looks at a device for some milliseconds after each change; a lazy unmount takes as long as
 * its last file is open.
 */
const TRIES = 20;
const PAUSE_MS = 500;

/** Closes what is open at our name. @throws {AgentError} "cache.still-in-use" (retryable) */
export async function closeMappingSurely(host: VolumeHost, mapping: MappingFacts, signal: AbortSignal): Promise<void> {
  const look = lookDirectory(host);
  if (mapping.mountPoints.includes(look)) await host.run(unmount(look), signal);
  const others = mapping.mountPoints.filter((place) => place !== look);
  if (others.length > 0) throw stillInUse(`it is mounted on ${others.join(", ")}`);
  for (let attempt = 1; ; attempt += 1) {
    const { code, lastWords } = await host.run(closeMapping(), signal);
    if (code !== BUSY) return;
    if (attempt === TRIES) throw stillInUse(lastWords);
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

function stillInUse(because: string): AgentError {
  return new AgentError("cache.still-in-use", `The cache volume (${MAPPING}) cannot be closed: ${because}`, {
    retryable: true,
  });
}
