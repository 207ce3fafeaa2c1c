import type { ServiceUnit } from "../../ports/service-units.ts";

/**
 * What each is called in `systemd/`. The polkit rule there lets control ask for these, and no
 * others.
 */
export const UNIT_NAMES = {
  buildkitd: "buildkitd.service",
  // The name of a mount is its place, escaped (systemd-escape --path --suffix=mount
  // /var/lib/builder-agent/cache).
  "cache-mount": "var-lib-builder\\x2dagent-cache.mount",
  "cache-volume": "builder-agent-volume.service",
  tailscaled: "tailscaled.service",
} as const satisfies Readonly<Record<ServiceUnit, string>>;

/** The process that asks. */
export const OWN_UNIT = "builder-agent-control.service";

/** All that belongs to builds, and its part of the machine. */
export const BUILDS_SLICE = "builds.slice";
