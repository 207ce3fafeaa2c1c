import { mountedCache, plainCacheFilesystem } from "../adapters/cache-filesystem/cache-filesystem.ts";
import { askedBuildkit } from "../adapters/launcher/asked-buildkit.ts";
import { askedUnits } from "../adapters/launcher/asked-units.ts";
import { askedNetwork } from "../adapters/network/asked-network.ts";
import { networkInForce } from "../adapters/network/network-in-force.ts";
import { systemdBuildkit } from "../adapters/systemd/buildkit-unit.ts";
import { installedParts } from "../adapters/systemd/installed-parts.ts";
import { ownUnits } from "../adapters/systemd/own-units.ts";
import { serviceUnits } from "../adapters/systemd/service-units.ts";
import { askedVolume } from "../adapters/volume/asked-volume.ts";
import { plainDirectory, plainMount } from "../adapters/volume/plain-directory.ts";
import type { WatchedNetwork } from "../ports/build-network.ts";
import type { BuildkitUnit } from "../ports/buildkit.ts";
import type { CacheFilesystem } from "../ports/cache-filesystem.ts";
import type { CacheVolume, PlainCache } from "../ports/cache-volume.ts";
import type { Clock } from "../ports/clock.ts";
import type { InstalledParts } from "../ports/installed-parts.ts";
import type { Log } from "../ports/log.ts";
import type { OwnUnits } from "../ports/own-units.ts";
import type { ServiceUnits } from "../ports/service-units.ts";
import type { Config } from "./config/config.ts";
import type { Layout } from "./layout.ts";

/**
 * What control asks the machine's service manager for, and what it can do with it, by the
 * contract's names.
 */
export interface Services {
  readonly unit: BuildkitUnit;
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly cacheFilesystem: CacheFilesystem;
  readonly ownUnits: OwnUnits | undefined;
  readonly units: ServiceUnits;
  readonly installed: InstalledParts;
  readonly capabilities: readonly string[];
}

/** The package's (tools/image/deb/parts.mjs). */
const PARTS_FILE = "/usr/share/builder-agent/parts";

export function servicesOf(manager: Config["services"]["manager"], layout: Layout, clock: Clock, log: Log): Services {
  switch (manager) {
    case "launcher":
      return {
        unit: askedBuildkit(layout.managerSocket, clock),
        cacheVolume: undefined,
        plainCache: plainDirectory(layout.cacheDir),
        cacheFilesystem: plainCacheFilesystem(layout.cacheDir, () => clock.now().monoMs),
        ownUnits: undefined,
        units: askedUnits(layout.managerSocket),
        installed: { isOutdated: () => false },
        capabilities: ["builds"],
      };
    case "systemd": {
      const units = serviceUnits();
      return {
        unit: systemdBuildkit({ proposalFile: layout.buildkitProposal, clock, log }),
        cacheVolume: askedVolume({ socketPath: layout.volumeSocket, services: units }),
        plainCache: plainMount(layout.cacheDir, units),
        cacheFilesystem: mountedCache(layout.cacheDir, layout.cacheWrites),
        ownUnits: ownUnits(),
        units,
        installed: installedParts(PARTS_FILE, { gateway: layout.gatewayParts, buildkit: layout.buildkitParts }),
        capabilities: ["builds", "cache-volume"],
      };
    }
    default:
      return manager satisfies never;
  }
}

/** builder-agent-network-watch.service puts right what somebody changes, or the launcher does. */
export function buildNetworkOf(layout: Layout, clock: Clock): WatchedNetwork {
  const asked = askedNetwork(layout.networkSocket, { startsAhead: true });
  return { ...asked, changes: (signal) => networkInForce(layout.networkState, clock, signal) };
}
