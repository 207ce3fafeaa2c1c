import { formatAddress } from "./address.ts";
import { formatCidr } from "./cidr.ts";
import { firstOfSteps, type NetworkPlan, type PlannedRange, rangesOf } from "./plan.ts";

/** CNI's name of the network of builds. */
export const CNI_NETWORK = "builder-agent";

/** What CNI's id of a verifier's network begins with; BuildKit's are letters and digits. */
export const PROBE_CONTAINER = "builder-agent-probe";

/**
 * A build step's network for CNI's plugins (version 1.1.1, Debian 12): a cable of its own to the
 * machine, point to point, and the way out by that. The plugin itself masquerades and guards
 * nothing. `leasesDir`: which addresses are given away, for all who make networks from this.
 */
export function conflist(
  plan: Pick<NetworkPlan, "ipv4" | "ipv6" | "families" | "mtuBytes">,
  leasesDir: string,
): string {
  const ranges = rangesOf(plan);
  const list = {
    cniVersion: "1.0.0",
    name: CNI_NETWORK,
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        mtu: plan.mtuBytes,
        ipam: {
          type: "host-local",
          dataDir: leasesDir,
          ranges: ranges.map((planned) => [range(planned)]),
          routes: ranges.map(route),
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

function route(planned: PlannedRange) {
  return { dst: planned.cidr.family === "ipv4" ? "0.0.0.0/0" : "::/0", gw: gateway(planned) };
}

function gateway({ services }: PlannedRange): string {
  const [first] = services;
  return first === undefined ? "" : formatAddress(first);
}
