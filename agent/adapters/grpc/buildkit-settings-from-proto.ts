import type { BuildkitSettings } from "../../core/desired-state.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import type { BuildkitSettings as BuildkitSettingsProto } from "./gen/builder/agent/v1/desired_state.ts";
import { safeInteger } from "./scalars-from-proto.ts";

const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?`;
/** As in image names: "registry.example", "127.0.0.1:5000", "[::1]:5000". */
const REGISTRY = new RegExp(`^${HOST}$`);
/** BuildKit takes a host, optionally with a path. */
const MIRROR = new RegExp(`^${HOST}(?:/[A-Za-z0-9._~-]+)*$`);

const DEFAULTS: BuildkitSettings = {
  reservedSpaceBytes: 0,
  maxUsedSpaceBytes: 0,
  minFreeSpaceBytes: 0,
  maxParallelism: 0,
  registryMirrors: new Map(),
};

/** @throws {ContractBreach} */
export function buildkitSettingsFromProto(settings: BuildkitSettingsProto | undefined): BuildkitSettings {
  if (settings === undefined) return DEFAULTS;
  return {
    reservedSpaceBytes: safeInteger("buildkit.reserved_space_bytes", settings.reservedSpaceBytes),
    maxUsedSpaceBytes: safeInteger("buildkit.max_used_space_bytes", settings.maxUsedSpaceBytes),
    minFreeSpaceBytes: safeInteger("buildkit.min_free_space_bytes", settings.minFreeSpaceBytes),
    maxParallelism: settings.maxParallelism,
    registryMirrors: registryMirrors(settings.registryMirrors),
  };
}

function registryMirrors(byRegistry: BuildkitSettingsProto["registryMirrors"]): ReadonlyMap<string, readonly string[]> {
  const field = "buildkit.registry_mirrors";
  return new Map(
    Object.entries(byRegistry).map(([registry, { mirrors }]) => {
      if (!REGISTRY.test(registry)) throw new ContractBreach(field, `names ${quoted(registry)}, not a registry's host`);
      const wrong = mirrors.find((mirror) => !MIRROR.test(mirror));
      if (wrong !== undefined)
        throw new ContractBreach(field, `gives ${quoted(registry)} the mirror ${quoted(wrong)}, not a host`);
      return [registry, mirrors];
    }),
  );
}
