import type { BuildkitPlaces } from "../../agent/core/buildkit-config.ts";
import type { BuildkitSettings } from "../../agent/core/desired-state.ts";

/** Nothing set: the agent's own defaults. */
export const DEFAULTS: BuildkitSettings = {
  reservedSpaceBytes: 0,
  maxUsedSpaceBytes: 0,
  minFreeSpaceBytes: 0,
  maxParallelism: 0,
  registryMirrors: new Map(),
  historyMaxAgeMs: 86_400_000,
  stepLogMaxBytes: 0,
  stepLogMaxBytesPerSecond: 0,
};

export const PLACES: BuildkitPlaces = {
  rootDir: "/cache",
  socketPath: "/run/agent/buildkit/buildkitd.sock",
  traceSocketPath: "/run/agent/buildkit/otel.sock",
  runc: "runc",
  cniConfigPath: "/run/agent/buildkit/cni.conflist",
  cniBinaryDir: "/usr/lib/cni",
  snapshotter: "auto",
};
