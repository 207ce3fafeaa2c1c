import { DaemonConfig } from "../adapters/buildkit/daemon-config.ts";
import { readProposal } from "../adapters/buildkit/proposal.ts";
import { jsonLog } from "../adapters/telemetry/json-log.ts";
import { AgentError } from "../core/errors.ts";
import type { Preparation } from "../ports/buildkit.ts";
import { buildkitPlaces } from "./buildkit-places.ts";
import { cacheKeeper } from "./cache-keeper.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";
import type { BUILDKIT_SECTIONS } from "./sections.ts";

export type BuildkitConfig = Pick<Config, (typeof BUILDKIT_SECTIONS)[number]>;

/** What systemd's unit of buildkitd needs around its start and its end, as root. */
export async function buildkitUnit(config: BuildkitConfig) {
  const layout = layoutOf(config.paths);
  const log = jsonLog({ process: "buildkit", level: config.log.level });
  const places = await buildkitPlaces(config);
  const cache = cacheKeeper(layout, places, config.buildkit.bbolt, log);
  const daemonConfig = new DaemonConfig(layout.buildkitConfigFile, config.buildkit.binary, places);
  return {
    cache,
    /** First the configuration, which may be refused; then the cache. */
    async prepare(signal: AbortSignal): Promise<Preparation> {
      const proposal = await readProposal(layout.buildkitProposal);
      if (proposal !== undefined) await daemonConfig.replace(proposal, signal);
      else if (!(await daemonConfig.exists()))
        throw new AgentError(
          "buildkit.not-configured",
          `${layout.buildkitProposal} is missing: control proposes a configuration there before it asks for a start`,
          { retryable: true },
        );
      const preparation = await cache.prepare(signal);
      const { checked: _, ...told } = preparation;
      log.info(told, "buildkit.prepared");
      return preparation;
    },
  };
}
