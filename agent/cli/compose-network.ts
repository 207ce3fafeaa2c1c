import { readFile } from "node:fs/promises";
import { NetworkHost } from "../adapters/network/network-host.ts";
import { putResolvConf } from "../adapters/network/resolv-conf-file.ts";
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
    },
    told: {
      cniBinaryDir: buildkit.cniBinaryDir,
      agentPorts: [gateway.listen.port, health.listen.port].filter((port) => port !== 0),
      ...(network.probeTarget !== undefined && { probeTarget: network.probeTarget }),
    },
    verifyIsolation: verifyIsolationWith(layout.networkDir),
    log,
  });
}

/**
 * What must be so before buildkitd starts: the guard in force, or, where builds have no network, a resolv.conf for buildkitd alone.
 * @throws {AgentError} "network.failed" and its like: then it must not start.
 */
export async function ensureNetwork(config: NetworkConfig, log: Log, signal: AbortSignal): Promise<void> {
  if (config.network.mode === "bridge") {
    await networkHost(config, log).prepare(signal);
    return;
  }
  await putResolvConf(layoutOf(config.paths).networkResolvConf, await readFile("/etc/resolv.conf", "utf8"));
}
