import { readFile } from "node:fs/promises";
import { NetworkHost } from "../adapters/network/network-host.ts";
import { putResolvConf } from "../adapters/network/resolv-conf-file.ts";
import { tellEverybody } from "../adapters/network/state-file.ts";
import { NO_BUILDKIT_NETWORK } from "../core/network/buildkit-network.ts";
import { NO_NETWORK_GENERATION } from "../core/views.ts";
import type { Log } from "../ports/log.ts";
import type { Config } from "./config/config.ts";
import { verifyIsolationWith } from "./isolation/verifier.ts";
import { layoutOf } from "./layout.ts";
import type { NETWORK_SECTIONS } from "./sections.ts";

export type NetworkConfig = Pick<Config, (typeof NETWORK_SECTIONS)[number]>;

/** The builds' network of this machine, for those who are root. */
export function networkHost({ gateway, health, paths, buildkit, network }: NetworkConfig, log: Log): NetworkHost {
  const layout = layoutOf(paths);
  return new NetworkHost({
    places: {
      stateFile: layout.networkState,
      conflistFile: layout.networkConflist,
      leasesDir: layout.networkLeasesDir,
      resolvConfFile: layout.networkResolvConf,
      buildkitNetworkFile: layout.networkOfBuildkit,
      buildkitMountDir: layout.networkMountDir,
    },
    told: {
      cniBinaryDir: buildkit.cniBinaryDir,
      buildkitSocket: layout.buildkitSocket,
      agentPorts: [gateway.listen.port, health.listen.port].filter((port) => port !== 0),
      ...(network.nat64Prefix !== undefined && { nat64Prefix: network.nat64Prefix }),
      ...(network.probeTarget !== undefined && { probeTarget: network.probeTarget }),
    },
    verifyIsolation: verifyIsolationWith(layout.networkDir),
    log,
  });
}

/**
 * What must be so before buildkitd starts: the guard in force, and the programs and files by which
 * it gets a network on the builds' side of it; or, where builds have none, none. Resolves to the
 * generation.
 * @throws {AgentError} "network.failed" and its like: then it must not start.
 */
export async function ensureNetwork(config: NetworkConfig, log: Log, signal: AbortSignal): Promise<string> {
  if (config.network.mode === "bridge") return (await networkHost(config, log).prepare(signal)).generation;
  const { networkResolvConf, networkOfBuildkit } = layoutOf(config.paths);
  // A machine without one has no names, and buildkitd has none either.
  const resolvConf = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  await putResolvConf(networkResolvConf, resolvConf);
  await tellEverybody(networkOfBuildkit, NO_BUILDKIT_NETWORK);
  return NO_NETWORK_GENERATION;
}
