import type { SectionName } from "./config/keys.ts";

/**
 * What the gateway reads of the configuration: nothing of the control plane, nothing of the
 * machine's identity.
 */
export const GATEWAY_SECTIONS = ["gateway", "paths", "log"] as const satisfies readonly SectionName[];

/** What control reads: of the gateway only where it listens, to tell it. */
export const CONTROL_SECTIONS = [
  "controlPlane",
  "gateway",
  "identity",
  "health",
  "paths",
  "cacheVolume",
  "buildkit",
  "network",
  "tailnet",
  "services",
  "debugTerminal",
  "telemetry",
  "drain",
  "notices",
  "log",
] as const satisfies readonly SectionName[];

/** What the privileged steps around buildkitd read: nothing of the control plane. */
export const BUILDKIT_SECTIONS = [
  "paths",
  "buildkit",
  "network",
  "services",
  "log",
] as const satisfies readonly SectionName[];

/**
 * What the privileged steps around the builds' network read: of gateway and health only where they
 * listen.
 */
export const NETWORK_SECTIONS = [
  "gateway",
  "health",
  "paths",
  "buildkit",
  "network",
  "log",
] as const satisfies readonly SectionName[];

/** What the privileged steps around the cache volume read. */
export const VOLUME_SECTIONS = ["paths", "log"] as const satisfies readonly SectionName[];

/** What the processes that hold debug terminals read. */
export const TERMINAL_SECTIONS = ["debugTerminal", "log"] as const satisfies readonly SectionName[];

/** A dry run also reads what control would order. */
export const VOLUME_ORDER_SECTIONS = ["paths", "cacheVolume"] as const satisfies readonly SectionName[];

/** Who may order root's steps, beside root: the user that control runs as (systemd/sysusers.d). */
export const ORDERING_USER = "builder-control";
