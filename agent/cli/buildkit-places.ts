import type { BuildkitPlaces } from "../core/buildkit-config.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";

/** Where BuildKit keeps its things: control writes it into the configuration, the unit refuses one that says otherwise. */
export function buildkitPlaces({ paths, buildkit }: Pick<Config, "paths" | "buildkit">): BuildkitPlaces {
  const layout = layoutOf(paths);
  return {
    rootDir: layout.buildkitRoot,
    socketPath: layout.buildkitSocket,
    traceSocketPath: layout.buildkitTraceSocket,
    runc: buildkit.runc,
    cniConfigPath: layout.cniConfigFile,
    cniBinaryDir: buildkit.cniBinaryDir,
  };
}
