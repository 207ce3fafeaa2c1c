import { writeFile } from "node:fs/promises";
import { CacheKeeper } from "../adapters/buildkit/cache-keeper.ts";
import { DaemonConfig } from "../adapters/buildkit/daemon-config.ts";
import { environmentFile } from "../adapters/buildkit/environment.ts";
import { readProposal } from "../adapters/buildkit/proposal.ts";
import { fromToml } from "../adapters/buildkit/toml.ts";
import { readBootId } from "../adapters/machine/linux-machine.ts";
import { readState } from "../adapters/network/state-file.ts";
import { processLog } from "../adapters/telemetry/process-log.ts";
import { type BuildkitPlaces, buildkitEnvironment } from "../core/buildkit-config.ts";
import { AgentError } from "../core/errors.ts";
import { NO_NETWORK_GENERATION } from "../core/views.ts";
import type { Preparation } from "../ports/buildkit.ts";
import type { Log } from "../ports/log.ts";
import { buildkitPlaces } from "./buildkit-configuration.ts";
import type { Config } from "./config/config.ts";
import { type Layout, layoutOf } from "./layout.ts";
import type { BUILDKIT_SECTIONS } from "./sections.ts";

export type BuildkitConfig = Pick<Config, (typeof BUILDKIT_SECTIONS)[number]>;

/** What systemd's unit of buildkitd needs around its start and its end, as root. */
export async function buildkitUnit(config: BuildkitConfig) {
  const layout = layoutOf(config.paths);
  const log = processLog({ process: "buildkit", ...config.log });
  const places = await buildkitPlaces(config);
  const cache = cacheKeeper(layout, places, config.buildkit.bbolt, log);
  const daemonConfig = new DaemonConfig(layout.buildkitConfigFile, config.buildkit.binary, places);
  return {
    cache,
    /** First the configuration, which may be refused; then the cache. */
    async prepare(signal: AbortSignal): Promise<Preparation> {
      const proposal = await readProposal(layout.buildkitProposal);
      if (proposal !== undefined) await daemonConfig.replace(proposal, signal);
      const configuration = await daemonConfig.read();
      if (configuration === undefined)
        throw new AgentError(
          "buildkit.not-configured",
          `${layout.buildkitProposal} is missing: control proposes a configuration there before it asks for a start`,
          { retryable: true },
        );
      const environment = environmentFile(buildkitEnvironment(fromToml(configuration)));
      await writeFile(layout.buildkitEnvironmentFile, environment, { mode: 0o600 });
      const network = await generationInForce(config.network.mode, layout.networkState);
      const preparation = await cache.prepare(signal, { configuration, ...(network !== undefined && { network }) });
      const { checked: _, configuration: __, network: ___, ...told } = preparation;
      log.info(told, "buildkit.prepared");
      return preparation;
    },
  };
}

/**
 * Read before buildkitd reads it: of a network that moves in between, control restarts it once too
 * often, not once too little.
 */
async function generationInForce(
  mode: BuildkitConfig["network"]["mode"],
  stateFile: string,
): Promise<string | undefined> {
  return mode === "bridge" ? (await readState(stateFile))?.applied.generation : NO_NETWORK_GENERATION;
}

/**
 * The same for the launcher and for systemd's unit: where BuildKit's cache lies, and where what is
 * told of it goes.
 */
export function cacheKeeper(layout: Layout, places: BuildkitPlaces, bbolt: string, log: Log): CacheKeeper {
  const { cacheDir, buildkitPrepared: preparedFile } = layout;
  return new CacheKeeper({ places, cacheDir, preparedFile, bbolt, bootId: () => readBootId(), log });
}
