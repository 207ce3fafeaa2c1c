import { AgentError } from "../errors.ts";
import { type Address, type Family, formatAddress } from "./address.ts";
import { type Cidr, cidr, nth } from "./cidr.ts";
import { chooseRange } from "./ranges.ts";
import { isStub, localResolvers, RESOLVERS_MAX, type ResolvConf, usableResolvers } from "./resolvers.ts";
import type { NetworkWish } from "./wish.ts";

/** Has the addresses that answer builds. No cable is plugged in: each step has one of its own. */
export const BUILDS_LINK = "builds0";

/** The machine's end of a step's cable is named so by CNI's plugins, and BuildKit's own by us. */
const CABLE = "veth";
export const BUILDKIT_CABLE = `${CABLE}buildkit`;
/** Any of them, in nftables' words. */
export const ANY_CABLE = `"${CABLE}*"`;

export function isCable(link: string): boolean {
  return link.startsWith(CABLE);
}

/** tailscaled's interface. */
export const TAILNET = "tailscale0";

/** What of this machine decides, builds' own links left out. */
export interface MachineNetwork {
  /** What it routes and has, in all its tables. */
  readonly taken: readonly Cidr[];
  /** Its own addresses. */
  readonly addresses: readonly string[];
  /** /etc/resolv.conf. */
  readonly resolvConf: ResolvConf;
  /** Whom a stub on loopback asks, where that is told. */
  readonly upstream: ResolvConf | undefined;
  /** Whether its kernel has it (`ipv6.disable=1` takes it away). */
  readonly hasIpv6: boolean;
  /** The largest packet that its way out takes, in bytes. */
  readonly mtuBytes: number;
  /** The operator's own NAT64 prefix, if this machine's network has one. */
  readonly nat64Prefix?: Cidr | undefined;
}

/** One family of the builds' network. */
export interface PlannedRange {
  readonly cidr: Cidr;
  /**
   * Its first addresses, which are the machine's: the first is the way out, all of them answer DNS.
   */
  readonly services: readonly Address[];
  /** Where DNS goes now that comes to these, in the same order; none: nowhere. */
  readonly resolvers: readonly Address[];
}

export interface NetworkPlan {
  readonly ipv4: PlannedRange;
  /** Planned, and not made, where the machine has no IPv6. */
  readonly ipv6: PlannedRange;
  /** What is made: one, or both. */
  readonly families: readonly Family[];
  readonly wish: NetworkWish;
  /** What no policy opens here, beside what none opens anywhere. */
  readonly forbidden: readonly Cidr[];
  /** Whom the machine asks. */
  readonly resolvers: readonly Address[];
  /** Whom the machine asks on its own loopback; told where it asks nobody else. */
  readonly localResolvers: readonly Address[];
  /** What a build's resolv.conf names; never none, since BuildKit would then name a public one. */
  readonly nameservers: readonly Address[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  readonly collisions: readonly Cidr[];
  /** Of each cable. */
  readonly mtuBytes: number;
}

/** MagicDNS, which tailscaled itself answers ("quad-100"). */
export const MAGIC_DNS = {
  ipv4: [nth(cidr("100.100.100.100"), 0)],
  ipv6: [nth(cidr("fd7a:115c:a1e0::53"), 0)],
} as const satisfies Record<Family, readonly [Address]>;

/**
 * What shall be in force. `present`: the ranges that are. @throws {AgentError} "network.failed"
 * where this machine leaves no range free.
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
  const { resolvConf, upstream, nat64Prefix, mtuBytes, hasIpv6 } = machine;
  const families: readonly Family[] = hasIpv6 ? ["ipv4", "ipv6"] : ["ipv4"];
  // A tailnet without MagicDNS: tailscaled answers nothing there but that it failed.
  const asksMagicDns = wish.tailnet === "open" && wish.searchDomains.length > 0;
  const [ipv4, ipv6] = [chosen("ipv4"), chosen("ipv6")];
  // What is said of a stub (trust-ad) is not said of those whom it asks.
  const asking = isStub(resolvConf) ? (upstream ?? resolvConf) : resolvConf;
  const reachable = ({ family }: Address): boolean => families.includes(family);
  const resolvers = usableResolvers(asking, machine.addresses, [ipv4.range, ipv6.range]).filter(reachable);
  const ranges = { ipv4: planned("ipv4", ipv4.range), ipv6: planned("ipv6", ipv6.range) };
  return {
    ...ranges,
    families,
    wish,
    // Whole: private and metadata addresses are in it, and so is the whole IPv4 internet, which
    // builds reach by IPv4.
    forbidden: nat64Prefix === undefined ? [] : [nat64Prefix],
    resolvers,
    localResolvers: resolvers.length === 0 ? localResolvers(asking) : [],
    nameservers: nameservers(),
    search: wish.tailnet === "open" ? [...wish.searchDomains, ...asking.search] : asking.search,
    options: asking.options,
    collisions: [...ipv4.collisions, ...ipv6.collisions],
    mtuBytes,
  };

  function planned(family: Family, range: Cidr): PlannedRange {
    return {
      cidr: range,
      services: servicesOf(range),
      resolvers: asksMagicDns ? MAGIC_DNS[family] : resolvers.filter((each) => each.family === family),
    };
  }

  /**
   * For each resolver the next service address of its family: who asks them in order gets theirs in
   * order.
   */
  function nameservers(): readonly Address[] {
    const asked = asksMagicDns ? MAGIC_DNS.ipv4 : resolvers;
    const named = asked.map(({ family }, at) => {
      const before = asked.slice(0, at).filter((other) => other.family === family).length;
      return nth(ranges[family].cidr, before + 1);
    });
    return named.length === 0 ? [nth(ranges.ipv4.cidr, 1)] : named;
  }
}

/** What is made of it. */
export function rangesOf(plan: Pick<NetworkPlan, Family | "families">): readonly PlannedRange[] {
  return plan.families.map((family) => plan[family]);
}

/** The machine's own addresses in a range. */
export function servicesOf(range: Cidr): readonly Address[] {
  return Array.from({ length: RESOLVERS_MAX }, (_, at) => nth(range, at + 1));
}

/** "198.18.224.1/20": as `builds0` has it. */
export function onBuildsLink(address: Address, { prefix }: Cidr): string {
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

/**
 * Where DNS that comes to a service address goes: each resolver in turn, so that an address that a
 * step still knows leads somewhere.
 */
export function dnsMap({ services, resolvers }: PlannedRange): readonly (readonly [Address, Address])[] {
  return services.flatMap((service, at) => {
    const resolver = resolvers[at % Math.max(1, resolvers.length)];
    return resolver === undefined ? [] : [[service, resolver] as const];
  });
}

/** BuildKit's own, between the machine's and those of steps. */
export function addressOfBuildkit({ cidr: range }: Pick<PlannedRange, "cidr">): Address {
  return nth(range, BUILDKIT_AT);
}

const BUILDKIT_AT = 8;

/** The first address that a step may get: those before are the machine's, and BuildKit's. */
export function firstOfSteps({ cidr: range }: PlannedRange): Address {
  return nth(range, range.family === "ipv4" ? 16 : 256);
}
