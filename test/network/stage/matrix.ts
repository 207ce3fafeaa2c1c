import type { AppliedNetwork } from "../../../agent/core/network/order.ts";
import { AGENT_PORTS } from "./guarded-vm.ts";
import type { Target } from "./step.ts";
import { NODE, VM } from "./world.ts";

/**
 * What a build must never reach, whatever was granted: a list of the tests' own, from the clouds'
 * documentation, so that neither the guard's nor the probe's can be short of the other's faults.
 */
const METADATA: readonly Target[] = [
  ...["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "169.254.42.42"].map(web),
  ...["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"].map(web),
  ...["fd00:100::100:200", "fd00:a9fe:a9fe::1"].map(web),
  web("168.63.129.16"),
  { host: "168.63.129.16", port: 32_526 },
  // The same asked for through a NAT64 gateway: RFC 6052's prefix, RFC 8215's, the operator's.
  ...["64:ff9b::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:fffe::a9fe:a9fe"].map(web),
  web("2001:db8:64:a9fe:a9:fe00::"),
];

/** The operator's own; a public address to whoever does not know. */
export const NAT64_PREFIX = "2001:db8:64::/48";

const LINK_LOCAL: readonly Target[] = [web("169.254.1.1"), { host: "169.254.169.253", port: 53, via: "dns-udp" }];

/** What listens in the VM at all its addresses: the agent, sshd, and somebody who came later. */
export const VM_PORTS = [22, AGENT_PORTS.gateway, AGENT_PORTS.health, 4000] as const;

export const PRIVATE: readonly Target[] = [
  ...[
    "10.20.0.1",
    "10.99.9.9",
    "172.16.5.5",
    "172.31.255.1",
    "192.168.7.7",
    "198.19.0.9",
    "fd12:3456::9",
    "fc00::9",
  ].map(web),
];

export const TAILNET: readonly Target[] = [
  ...["100.64.0.9", "100.101.102.103", "fd7a:115c:a1e0::9"].map(web),
  { host: "100.64.0.9", port: 22 },
];

/** Builds have its names by way of `builds0`. */
const MAGIC_DNS: readonly Target[] = [
  { host: "100.100.100.100", port: 53, via: "dns-udp" },
  { host: "100.100.100.100", port: 53, via: "dns-tcp" },
  { host: "fd7a:115c:a1e0::53", port: 53, via: "dns-udp" },
];

export const PUBLIC: readonly Target[] = [
  ...["203.0.113.10", "198.51.100.7", "2001:db8:113::10", "2620:fe::9"].map(web),
  { host: "203.0.113.10", port: 443 },
];

/**
 * The VM's addresses of both families: uplink, tailnet, and `builds0`'s; a cable's link-local one
 * by the step's interface.
 */
export function alwaysForbidden(network: AppliedNetwork, cableLinkLocal: string): readonly Target[] {
  const services = [network.ipv4, network.ipv6].flatMap(firstAddresses);
  const own = [VM.ipv4, VM.ipv6, NODE.ipv4, NODE.ipv6, ...services, `${cableLinkLocal}%eth0`];
  return [...METADATA, ...LINK_LOCAL, ...MAGIC_DNS, ...own.flatMap((host) => VM_PORTS.map((port) => ({ host, port })))];
}

/** Names, by way of `builds0`, over both transports and in both families. */
export function names(network: AppliedNetwork): readonly Target[] {
  return [network.ipv4, network.ipv6]
    .flatMap((cidr) => firstAddresses(cidr).slice(0, 1))
    .flatMap((host) => (["dns-udp", "dns-tcp"] as const).map((via) => ({ host, port: 53, via })));
}

/** "198.18.224.0/20" → .1, .2 and .3 */
function firstAddresses(cidr: string): readonly string[] {
  const [base = ""] = cidr.split("/");
  const stem = base.includes(":") ? base : base.replace(/0$/, "");
  return [1, 2, 3].map((number) => `${stem}${number}`);
}

function web(host: string): Target {
  return { host, port: 80 };
}

export function wordOf({ host, port, via = "tcp" }: Target): string {
  return `${host} port ${port} by ${via}`;
}
