import { toToml } from "../adapters/buildkit/toml.ts";
import { groupId } from "../adapters/machine/group-id.ts";
import { type BuildkitPlaces, buildkitConfig } from "../core/buildkit-config.ts";
import type { BuildkitSettings } from "../core/desired-state.ts";
import type { Log } from "../ports/log.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";

/**
 * The control plane's settings as buildkitd's configuration, for a disk of `diskBytes`. Where a
 * setting was not taken as it is, the log tells.
 */
export async function buildkitConfiguration(
  config: Pick<Config, "paths" | "buildkit" | "network" | "services">,
  log: Log,
): Promise<(settings: BuildkitSettings, diskBytes: number) => string> {
  const places = await buildkitPlaces(config);
  return (settings, diskBytes) => {
    const { config: table, notes } = buildkitConfig(settings, diskBytes, places);
    if (notes.length > 0) log.warn({ notes }, "buildkit.settings-adapted");
    return toToml(table);
  };
}

/** Of control and gateway where each is a user of its own (systemd/sysusers.d). */
const SHARED_GROUP = "builder-agent";
/** Of buildkitd's unit (systemd/system): build steps are accounted, limited and killed with it. */
const UNIT_CGROUP = "/builds.slice/buildkitd.service";

/**
 * Where BuildKit keeps its things: control writes it into the configuration, the unit refuses one
 * that says otherwise.
 */
export async function buildkitPlaces({
  paths,
  buildkit,
  network,
  services,
}: Pick<Config, "paths" | "buildkit" | "network" | "services">): Promise<BuildkitPlaces> {
  const layout = layoutOf(paths);
  return {
    rootDir: layout.buildkitRoot,
    socketPath: layout.buildkitSocket,
    traceSocketPath: layout.buildkitTraceSocket,
    ...(buildkit.debugSocket && { debugSocketPath: layout.buildkitDebugSocket }),
    runc: buildkit.runc,
    cniConfigPath: network.mode === "bridge" ? layout.networkConflist : layout.cniConfigFile,
    bridged: network.mode === "bridge",
    cniBinaryDir: buildkit.cniBinaryDir,
    snapshotter: services.manager === "systemd" ? "overlayfs" : "auto",
    ...(services.manager === "systemd" && {
      socketOwner: { uid: 0, gid: await groupId(SHARED_GROUP) },
      cgroupParent: UNIT_CGROUP,
    }),
  };
}
