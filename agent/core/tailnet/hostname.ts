/** A DNS label: RFC 1123, 2.1. */
const LABEL_MAX_CHARS = 63;

/**
 * What this machine is called in a tailnet. `machineId`: as the control plane named it; "" while it
 * has not.
 */
export function tailnetHostname(machineId: string): string {
  const safe = machineId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, LABEL_MAX_CHARS - "builder-".length)
    .replaceAll(/^-+|-+$/g, "");
  return safe === "" ? "builder" : `builder-${safe}`;
}
