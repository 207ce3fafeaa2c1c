import { AgentError } from "../errors.ts";
import { type Address, type Family, formatAddress } from "./address.ts";
import { type Cidr, cidr, formatCidr, nth } from "./cidr.ts";
import { chooseRange } from "./ranges.ts";
import { isStub, RESOLVERS_MAX, type ResolvConf, usableResolvers } from "./resolvers.ts";
import type { NetworkWish } from "./wish.ts";

/** The bridge that every build step is on. */
export const BRIDGE = "builds0";

/** tailscaled's interface. */
export const TAILNET = "tailscale0";

/** What of this machine decides, its own bridge left out. */
export interface MachineNetwork {
  /** What it routes and has, in all its tables. */
  readonly taken: readonly Cidr[];
  /** Its own addresses. */
  readonly addresses: readonly string[];
  /** /etc/resolv.conf. */
  readonly resolvConf: ResolvConf;
  /** Whom a stub on loopback asks, where that is told. */
  readonly upstream: ResolvConf | undefined;
}

/** One family of the bridge. */
export interface PlannedRange {
  readonly cidr: Cidr;
  /** Its first addresses, which are the bridge's: the first is the way out, all of them answer DNS. */
  readonly services: readonly Address[];
  /** Where DNS goes now that comes to these, in the same order; none: nowhere. */
  readonly resolvers: readonly Address[];
}

export interface NetworkPlan {
  readonly ipv4: PlannedRange;
  readonly ipv6: PlannedRange;
  readonly wish: NetworkWish;
  /** Whom the machine asks. */
  readonly resolvers: readonly Address[];
  /** What a build's resolv.conf names; never none, since BuildKit would then name a public one. */
  readonly nameservers: readonly Address[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  readonly collisions: readonly Cidr[];
  /** Another one: BuildKit has to start anew. */
  readonly generation: string;
}

/** MagicDNS, which tailscaled itself answers ("quad-100"). */
export const MAGIC_DNS = {
  ipv4: [nth(cidr("100.100.100.100"), 0)],
  ipv6: [nth(cidr("fd7a:115c:a1e0::53"), 0)],
} as const satisfies Record<Family, readonly [Address]>;

/**
 * What shall be in force. `present`: the ranges that are. @throws {AgentError} "network.failed" where this machine leaves no range free.
 */
export function planNetwork(
  wish: NetworkWish,
  machine: MachineNetwork,
  present: { readonly ipv4: Cidr; readonly ipv6: Cidr } | undefined,
): NetworkPlan {
  const chosen = (family: Family) => {
    const found = chooseRange(family, {
      present: present?.[family],
      mayMove: wish.mayMove,
      machine: machine.taken,
      avoid: wish.avoid,
    });
    if (found !== undefined) return found;
    throw new AgentError(
      "network.failed",
      `This machine's routes leave no ${family === "ipv4" ? "IPv4" : "IPv6"} range for builds: free one of 198.18.0.0/15 or of the private ranges`,
      { retryable: true },
    );
  };
  const { resolvConf, upstream } = machine;
  // A tailnet without MagicDNS: tailscaled answers nothing there but that it failed.
  const asksMagicDns = wish.tailnet === "open" && wish.searchDomains.length > 0;
  const [ipv4, ipv6] = [chosen("ipv4"), chosen("ipv6")];
  // What is said of a stub (trust-ad) is not said of those whom it asks.
  const asking = isStub(resolvConf) ? (upstream ?? resolvConf) : resolvConf;
  const resolvers = usableResolvers(asking, machine.addresses, [ipv4.range, ipv6.range]);
  const ranges = { ipv4: planned("ipv4", ipv4.range), ipv6: planned("ipv6", ipv6.range) };
  return {
    ...ranges,
    wish,
    resolvers,
    nameservers: nameservers(),
    search: wish.tailnet === "open" ? [...wish.searchDomains, ...asking.search] : asking.search,
    options: asking.options,
    collisions: [...ipv4.collisions, ...ipv6.collisions],
    generation: `${formatCidr(ipv4.range)} ${formatCidr(ipv6.range)}`,
  };

  function planned(family: Family, range: Cidr): PlannedRange {
    return {
      cidr: range,
      services: servicesOf(range),
      resolvers: asksMagicDns ? MAGIC_DNS[family] : resolvers.filter((each) => each.family === family),
    };
  }

  /** For each resolver the next service address of its family: who asks them in order gets theirs in order. */
  function nameservers(): readonly Address[] {
    const asked = asksMagicDns ? MAGIC_DNS.ipv4 : resolvers;
    const named = asked.map(({ family }, at) => {
      const before = asked.slice(0, at).filter((other) => other.family === family).length;
      return nth(ranges[family].cidr, before + 1);
    });
    return named.length === 0 ? [nth(ranges.ipv4.cidr, 1)] : named;
  }
}

/** The bridge's own addresses in a range. */
export function servicesOf(range: Cidr): readonly Address[] {
  return Array.from({ length: RESOLVERS_MAX }, (_, at) => nth(range, at + 1));
}

/** "198.18.224.1/20": as the bridge has it. */
export function onBridge(address: Address, { prefix }: Cidr): string {
  return `${formatAddress(address)}/${prefix}`;
}

/** The resolv.conf of builds and of buildkitd. */
export function resolvConfOf({ nameservers, search, options }: NetworkPlan): string {
  const lines = [
    ...nameservers.map((address) => `nameserver ${formatAddress(address)}`),
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Where DNS that comes to a service address goes: each resolver in turn, so that an address that a step still knows leads somewhere. */
export function dnsMap({ services, resolvers }: PlannedRange): readonly (readonly [Address, Address])[] {
  return services.flatMap((service, at) => {
    const resolver = resolvers[at % Math.max(1, resolvers.length)];
    return resolver === undefined ? [] : [[service, resolver] as const];
  });
}

/** The first address that a step may get: those before are the bridge's. */
export function firstOfSteps({ cidr: range }: PlannedRange): Address {
  return nth(range, range.family === "ipv4" ? 16 : 256);
}
