import { formatAddress } from "../../core/network/address.ts";
import { cidr } from "../../core/network/cidr.ts";
import type { BuildsRange, NetworkFacts } from "../../core/network/facts.ts";
import { DEFAULT_EGRESS } from "../../core/network/order.ts";
import { addressOfBuildkit, isCable, servicesOf } from "../../core/network/plan.ts";
import type { LinkAddress } from "./machine-network.ts";
import type { NetworkState } from "./state-file.ts";

/** What the configuration says of it. */
export type Told = Pick<
  NetworkFacts,
  "cniBinaryDir" | "cniConfigFile" | "agentPorts" | "probeTarget" | "nat64Prefix"
> & { readonly buildkitSocket: string };

/** What is in force, and the machine around it as it is now. */
export function factsOf(
  { order, applied, nameservers }: NetworkState,
  addresses: readonly LinkAddress[],
  told: Told,
  tailnetRoutes: readonly string[],
): NetworkFacts {
  const { buildkitSocket, ...rest } = told;
  return {
    ...rest,
    generation: applied.generation,
    ipv4: buildsRange(applied.ipv4),
    ipv6: buildsRange(applied.ipv6),
    families: applied.families,
    buildkit: {
      socketPath: buildkitSocket,
      addresses: applied.families.map((family) => formatAddress(addressOfBuildkit({ cidr: cidr(applied[family]) }))),
    },
    nameservers,
    resolvers: applied.resolvers,
    localResolvers: applied.localResolvers,
    machineAddresses: addresses
      // On each cable is the gateway's once more.
      .filter(({ scope, link }) => scope !== "link" && scope !== "host" && !isCable(link))
      .map(({ address, link }) => ({ address, interface: link })),
    tailnet: applied.tailnet,
    // What peers offer may be accepted while this is tried.
    tailnetRoutes: [...tailnetRoutes, ...(order?.avoid ?? [])],
    egress: order?.egress ?? DEFAULT_EGRESS,
  };
}

function buildsRange(text: string): BuildsRange {
  const services = servicesOf(cidr(text)).map(formatAddress);
  return { cidr: text, gateway: services[0] ?? "", services };
}
