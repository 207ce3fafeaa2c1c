import { toToml } from "../adapters/buildkit/toml.ts";
import { buildkitConfig } from "../core/buildkit-config.ts";
import type { BuildkitSettings } from "../core/desired-state.ts";
import type { Log } from "../ports/log.ts";
import { buildkitPlaces } from "./buildkit-places.ts";
import type { Config } from "./config/config.ts";

/** The control plane's settings as buildkitd's configuration, for a disk of `diskBytes`. Where a setting was not taken as it is, the log tells. */
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
