import { formatAddress } from "./address.ts";
import { formatCidr } from "./cidr.ts";
import { BRIDGE, firstOfSteps, type NetworkPlan, type PlannedRange } from "./plan.ts";

/** CNI's name of the network of builds. */
export const CNI_NETWORK = "builder-agent";

/** What CNI's id of a verifier's network begins with; BuildKit's are letters and digits. */
export const PROBE_CONTAINER = "builder-agent-probe";

/**
 * A build step's network for CNI's plugins (version 1.1.1, Debian 12): one end of a cable on the bridge, which is there already with its addresses, and
 * the way out by these. The plugin itself masquerades, forwards and guards nothing. `leasesDir`: which addresses are given away, for all who make
 * networks from this.
 */
export function conflist({ ipv4, ipv6 }: Pick<NetworkPlan, "ipv4" | "ipv6">, leasesDir: string): string {
  const list = {
    cniVersion: "1.0.0",
    name: CNI_NETWORK,
    plugins: [
      {
        type: "bridge",
        bridge: BRIDGE,
        isGateway: false,
        ipMasq: false,
        hairpinMode: false,
        promiscMode: false,
        ipam: {
          type: "host-local",
          dataDir: leasesDir,
          ranges: [[range(ipv4)], [range(ipv6)]],
          routes: [route("0.0.0.0/0", ipv4), route("::/0", ipv6)],
        },
      },
    ],
  };
  return `${JSON.stringify(list, undefined, 2)}\n`;
}

function range(planned: PlannedRange) {
  return {
    subnet: formatCidr(planned.cidr),
    rangeStart: formatAddress(firstOfSteps(planned)),
    gateway: gateway(planned),
  };
}

function route(dst: string, planned: PlannedRange) {
  return { dst, gw: gateway(planned) };
}

function gateway({ services }: PlannedRange): string {
  const [first] = services;
  return first === undefined ? "" : formatAddress(first);
}
