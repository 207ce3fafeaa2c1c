import { type Address, type Family, formatAddress } from "./address.ts";
import { type Cidr, formatCidr, widest } from "./cidr.ts";
import { ALWAYS_FORBIDDEN, PRIVATE_RANGES } from "./forbidden.ts";
import {
  ANY_CABLE,
  addressOfBuildkit,
  BUILDS_LINK,
  dnsMap,
  MAGIC_DNS,
  type NetworkPlan,
  type PlannedRange,
  rangesOf,
  TAILNET,
} from "./plan.ts";

/** nftables' name of our table, of the family inet. */
export const TABLE = "builder_agent";

/**
 * The guard as a script for `nft -f -`: one transaction that takes away what was and puts this in
 * its place.
 *
 * Whatever comes from builds is judged by where each packet goes, never let through because its
 * connection is known: a change also cuts what is open. Each step hangs on a cable of its own, and
 * what comes from it has an address that this machine routes there, or goes nowhere: nobody can
 * speak for another, or be answered in its place.
 */
export function guardScript(plan: NetworkPlan): string {
  const { wish, forbidden } = plan;
  const tables = [
    `table inet ${TABLE} {`,
    ...eachFamily(plan, connectionSet),
    ...chain("forward", "type filter hook forward priority -10; policy accept;", [
      // A way out that is narrower than the cable: nobody on the way need tell.
      "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu",
      `iifname ${ANY_CABLE} goto from_builds`,
      `oifname ${ANY_CABLE} goto to_builds`,
    ]),
    ...chain("input", "type filter hook input priority -10; policy accept;", [`iifname ${ANY_CABLE} goto to_machine`]),
    ...chain("from_builds", undefined, [
      "fib saddr . iif oif missing drop",
      ...eachFamily(plan, (range) => [
        `ct state new add @${connectionsOf(range)} { ${ip(range)} saddr ct count over ${CONNECTIONS_MAX} } goto refuse`,
      ]),
      ...eachFamily(plan, (range) => [`${ip(range)} saddr != ${formatCidr(range.cidr)} drop`]),
      ...eachFamily(plan, ledByUs),
      // What tailscaled itself answers there is for this machine: builds have its names by way of
      // `builds0`.
      ...eachFamily(plan, (range) => [
        `${ip(range)} daddr ${formatAddress(MAGIC_DNS[range.cidr.family][0])} goto refuse`,
      ]),
      // Before the tailnet: Alibaba's metadata service is among a tailnet's addresses, and a subnet
      // route may name any.
      ...toAny([...ALWAYS_FORBIDDEN, ...forbidden], "goto refuse"),
      `oifname "${TAILNET}" ${wish.tailnet === "open" ? "accept" : "goto refuse"}`,
      `oifname "${BUILDS_LINK}" drop`,
      `oifname ${ANY_CABLE} drop`,
      ...eachFamily(plan, (range) => mirrorsOf(range, wish.mirrors)),
      ...(wish.allowed === undefined ? [] : [...toAny(wish.allowed, "accept"), "goto refuse"]),
      ...(wish.allowed !== undefined || wish.allowPrivateRanges ? [] : toAny(PRIVATE_RANGES, "goto refuse")),
      ...(wish.allowed === undefined ? ["accept"] : []),
    ]),
    ...chain("to_builds", undefined, ["ct state established,related accept", "drop"]),
    ...chain("to_machine", undefined, [
      "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
      "goto refuse",
    ]),
    ...chain("refuse", undefined, ["reject with icmpx admin-prohibited"]),
    ...chain(
      "names_of_builds",
      "type nat hook prerouting priority -100; policy accept;",
      eachFamily(plan, (range) => leadNames(range).map((rule) => `iifname ${ANY_CABLE} ${rule}`)),
    ),
    ...chain(
      "way_out",
      "type nat hook postrouting priority 100; policy accept;",
      rangesOf(plan).map(
        (range) =>
          `${ip(range)} saddr ${formatCidr(range.cidr)} oifname != ${ANY_CABLE} oifname != { "${BUILDS_LINK}", "lo" } masquerade`,
      ),
    ),
    "}",
  ];
  // To delete what is not there would fail: it is made first.
  const replaced = [`table inet ${TABLE}`, `delete table inet ${TABLE}`];
  return `${[...replaced, ...tables].join("\n")}\n`;
}

/**
 * Of one address, that is of one step, or of BuildKit. The kernel has one table for all that pass
 * through: 262,144 entries on a machine with 4 GiB (nf_conntrack_max), and kernel memory for each.
 */
const CONNECTIONS_MAX = 4096;

function connectionsOf({ cidr: { family } }: PlannedRange): string {
  return `connections_${family}`;
}

/** Who has how many: kept by the kernel, and no part of what the guard was put as. */
function connectionSet(range: PlannedRange): readonly string[] {
  const type = range.cidr.family === "ipv4" ? "ipv4_addr" : "ipv6_addr";
  return [`  set ${connectionsOf(range)} {`, `    type ${type}`, "    size 65535", "    flags dynamic", "  }"];
}

const DNS = "meta l4proto { tcp, udp } th dport 53";

/** A question to a service address goes to whom it stands for. */
function leadNames(range: PlannedRange): readonly string[] {
  const pairs = dnsMap(range).map(([from, to]) => `${formatAddress(from)} : ${formatAddress(to)}`);
  return pairs.length === 0 ? [] : [`${DNS} dnat ${ip(range)} to ${ip(range)} daddr map { ${pairs.join(", ")} }`];
}

/**
 * Only what was asked of a service address: that a resolver is the metadata service opens nothing
 * else of it.
 */
function ledByUs(range: PlannedRange): readonly string[] {
  const { services, resolvers } = range;
  if (resolvers.length === 0) return [];
  const original = `ct status dnat ct original ${ip(range)} daddr ${addresses(services)}`;
  return [`${original} ${ip(range)} daddr ${addresses(resolvers)} ${DNS} accept`];
}

/** The registries' mirrors are open to BuildKit itself. */
function mirrorsOf(range: PlannedRange, mirrors: NetworkPlan["wish"]["mirrors"]): readonly string[] {
  const some = mirrors
    .filter(({ address }) => address.family === range.cidr.family)
    .map(({ address, port }) => `${formatAddress(address)} . ${port}`);
  if (some.length === 0) return [];
  const from = `${ip(range)} saddr ${formatAddress(addressOfBuildkit(range))}`;
  return [`${from} ${ip(range)} daddr . tcp dport { ${[...new Set(some)].join(", ")} } accept`];
}

function eachFamily(plan: NetworkPlan, rules: (range: PlannedRange) => readonly string[]): readonly string[] {
  return rangesOf(plan).flatMap(rules);
}

function toAny(ranges: readonly Cidr[], verdict: string): readonly string[] {
  const families: readonly Family[] = ["ipv4", "ipv6"];
  return families.flatMap((family) => {
    const some = widest(ranges.filter((range) => range.family === family)).map(formatCidr);
    return some.length === 0 ? [] : [`${WORDS[family]} daddr { ${some.join(", ")} } ${verdict}`];
  });
}

function addresses(some: readonly Address[]): string {
  return `{ ${some.map(formatAddress).join(", ")} }`;
}

const WORDS = { ipv4: "ip", ipv6: "ip6" } as const satisfies Record<Family, string>;

function ip({ cidr: { family } }: PlannedRange): string {
  return WORDS[family];
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): readonly string[] {
  return [
    `  chain ${name} {`,
    ...[...(hook === undefined ? [] : [hook]), ...rules].map((rule) => `    ${rule}`),
    "  }",
  ];
}
