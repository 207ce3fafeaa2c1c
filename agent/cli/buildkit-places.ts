import { groupId } from "../adapters/machine/group-id.ts";
import type { BuildkitPlaces } from "../core/buildkit-config.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";

/** Of control and gateway where each is a user of its own (systemd/sysusers.d). */
const SHARED_GROUP = "builder-agent";
/** Of buildkitd's unit (systemd/system): build steps are accounted, limited and killed with it. */
const UNIT_CGROUP = "/builds.slice/buildkitd.service";

/** Where BuildKit keeps its things: control writes it into the configuration, the unit refuses one that says otherwise. */
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
