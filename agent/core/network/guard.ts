import { type Address, type Family, formatAddress } from "./address.ts";
import { type Cidr, formatCidr, widest } from "./cidr.ts";
import { ALWAYS_FORBIDDEN, PRIVATE_RANGES } from "./forbidden.ts";
import { BRIDGE, dnsMap, MAGIC_DNS, type NetworkPlan, type PlannedRange, TAILNET } from "./plan.ts";

/** nftables' name of our table, in each of its families. */
export const TABLE = "builder_agent";
export const TABLE_FAMILIES = ["inet", "bridge"] as const;

/**
 * The guard as a script for `nft -f -`: one transaction that takes away what was and puts this in its place.
 *
 * Whatever comes from builds is judged by where each packet goes, never let through because its connection is known: a change also cuts what is open.
 * What never leaves the bridge passes no hook but the bridge's own, and a kernel need not be able to say there which bridge it is (nft_meta_bridge):
 * the plugin's interfaces are known by their name, and a builder has no other bridge.
 */
export function guardScript(plan: NetworkPlan): string {
  const { ipv4, ipv6, wish } = plan;
  const tables = [
    `table inet ${TABLE} {`,
    ...chain("forward", "type filter hook forward priority -10; policy accept;", [
      `iifname "${BRIDGE}" goto from_builds`,
      `oifname "${BRIDGE}" goto to_builds`,
    ]),
    ...chain("input", "type filter hook input priority -10; policy accept;", [`iifname "${BRIDGE}" goto to_machine`]),
    ...chain("from_builds", undefined, [
      ...eachFamily(plan, (range) => [`${ip(range)} saddr != ${formatCidr(range.cidr)} drop`]),
      ...eachFamily(plan, ledByUs),
      // What tailscaled itself answers there is for this machine: builds have its names by way of the bridge.
      ...eachFamily(plan, (range) => [
        `${ip(range)} daddr ${formatAddress(MAGIC_DNS[range.cidr.family][0])} goto refuse`,
      ]),
      // Before the tailnet: Alibaba's metadata service is among a tailnet's addresses, and a subnet route may name any.
      ...toAny(ALWAYS_FORBIDDEN, "goto refuse"),
      `oifname "${TAILNET}" ${wish.tailnet === "open" ? "accept" : "goto refuse"}`,
      `oifname "${BRIDGE}" drop`,
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
      eachFamily(plan, (range) => leadNames(range).map((rule) => `iifname "${BRIDGE}" ${rule}`)),
    ),
    ...chain("names_of_buildkit", "type nat hook output priority -100; policy accept;", eachFamily(plan, leadNames)),
    ...chain(
      "way_out",
      "type nat hook postrouting priority 100; policy accept;",
      [ipv4, ipv6].map(
        (range) => `${ip(range)} saddr ${formatCidr(range.cidr)} oifname != { "${BRIDGE}", "lo" } masquerade`,
      ),
    ),
    "}",
    `table bridge ${TABLE} {`,
    ...chain("forward", "type filter hook forward priority 0; policy accept;", [
      'iifname "veth*" oifname "veth*" drop',
    ]),
    "}",
  ];
  // To delete what is not there would fail: it is made first.
  const replaced = TABLE_FAMILIES.flatMap((family) => [`table ${family} ${TABLE}`, `delete table ${family} ${TABLE}`]);
  return `${[...replaced, ...tables].join("\n")}\n`;
}

const DNS = "meta l4proto { tcp, udp } th dport 53";

/** A question to a service address goes to whom it stands for. */
function leadNames(range: PlannedRange): readonly string[] {
  const pairs = dnsMap(range).map(([from, to]) => `${formatAddress(from)} : ${formatAddress(to)}`);
  return pairs.length === 0 ? [] : [`${DNS} dnat ${ip(range)} to ${ip(range)} daddr map { ${pairs.join(", ")} }`];
}

/** Only what was asked of a service address: that a resolver is the metadata service opens nothing else of it. */
function ledByUs(range: PlannedRange): readonly string[] {
  const { services, resolvers } = range;
  if (resolvers.length === 0) return [];
  const original = `ct status dnat ct original ${ip(range)} daddr ${addresses(services)}`;
  return [`${original} ${ip(range)} daddr ${addresses(resolvers)} ${DNS} accept`];
}

function eachFamily({ ipv4, ipv6 }: NetworkPlan, rules: (range: PlannedRange) => readonly string[]): readonly string[] {
  return [...rules(ipv4), ...rules(ipv6)];
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
