import { formatAddress } from "../../core/network/address.ts";
import { cidr } from "../../core/network/cidr.ts";
import type { BridgeRange, NetworkFacts } from "../../core/network/facts.ts";
import { DEFAULT_EGRESS } from "../../core/network/order.ts";
import { BRIDGE, servicesOf } from "../../core/network/plan.ts";
import type { LinkAddress } from "./machine-network.ts";
import type { NetworkState } from "./state-file.ts";

/** What is in force, and the machine around it as it is now. */
export function factsOf(
  { order, applied, nameservers }: NetworkState,
  addresses: readonly LinkAddress[],
  told: Pick<NetworkFacts, "cniBinaryDir" | "cniConfigFile" | "agentPorts" | "probeTarget">,
  tailnetRoutes: readonly string[],
): NetworkFacts {
  return {
    ...told,
    generation: applied.generation,
    bridge: BRIDGE,
    ipv4: bridgeRange(applied.ipv4),
    ipv6: bridgeRange(applied.ipv6),
    nameservers,
    resolvers: applied.resolvers,
    machineAddresses: addresses
      .filter(({ scope }) => scope !== "link" && scope !== "host")
      .map(({ address, link }) => ({ address, interface: link })),
    tailnet: applied.tailnet,
    // What peers offer may be accepted while this is tried.
    tailnetRoutes: [...tailnetRoutes, ...(order?.avoid ?? [])],
    egress: order?.egress ?? DEFAULT_EGRESS,
  };
}

function bridgeRange(text: string): BridgeRange {
  const services = servicesOf(cidr(text)).map(formatAddress);
  return { cidr: text, gateway: services[0] ?? "", services };
}
