import { readFile } from "node:fs/promises";
import { type Cidr, formatCidr, parseCidr } from "../../core/network/cidr.ts";
import { BUILDS_LINK, isCable, type MachineNetwork, TAILNET } from "../../core/network/plan.ts";
import { parseResolvConf, type ResolvConf } from "../../core/network/resolvers.ts";
import { linksOf, type Routes, routesOf } from "./ip-answers.ts";
import { runTool } from "./run-tool.ts";
import { hasIpv6 } from "./sysctl.ts";

const ETHERNET_MTU_BYTES = 1500;
/** RFC 8200, section 5. */
const IPV6_MTU_BYTES = 1280;

/** As systemd-resolved tells whom its stub asks (systemd-resolved.service(8)). */
const UPSTREAM_FILE = "/run/systemd/resolve/resolv.conf";

/** One address of an interface. */
export interface LinkAddress {
  readonly link: string;
  readonly address: string;
  readonly prefix: number;
  /** "global", "link", "host", "site". */
  readonly scope: string;
  readonly mtuBytes: number;
}

function isOfBuilds(link: string): boolean {
  return link === BUILDS_LINK || isCable(link);
}

/** Every address that this machine has. */
export async function linkAddresses(signal: AbortSignal): Promise<readonly LinkAddress[]> {
  const links = linksOf(await runTool("ip", ["-json", "address", "show"], signal));
  return links.flatMap(({ ifname: link = "", mtu: mtuBytes = ETHERNET_MTU_BYTES, addr_info: addresses = [] }) =>
    addresses.flatMap(({ local: address, prefixlen: prefix, scope = "global" }) =>
      address === undefined || prefix === undefined ? [] : [{ link, address, prefix, scope, mtuBytes }],
    ),
  );
}

/** Every address, and the machine around the builds' network, as they are now. */
export async function machineNetwork(
  signal: AbortSignal,
): Promise<{ readonly addresses: readonly LinkAddress[]; readonly machine: MachineNetwork }> {
  const [addresses, all] = await Promise.all([linkAddresses(signal), ipRoutes(signal)]);
  const others = addresses.filter(({ link }) => !isOfBuilds(link));
  const had = others.flatMap(({ address, prefix }) => parseCidr(`${address}/${prefix}`) ?? []);
  const machine = {
    taken: [...had, ...taken(all)],
    addresses: others.map(({ address }) => address),
    resolvConf: (await resolvConf("/etc/resolv.conf")) ?? parseResolvConf(""),
    upstream: await resolvConf(UPSTREAM_FILE),
    hasIpv6: hasIpv6(),
    mtuBytes: narrowestWayOut(all, others),
  };
  return { addresses, machine };
}

/** What leads into the tailnet, as CIDRs. */
export async function tailnetRoutes(signal: AbortSignal): Promise<readonly string[]> {
  const found = (await ipRoutes(signal)).filter(({ dev, type }) => dev === TAILNET && type === undefined);
  return found.flatMap(({ dst }) => parseCidr(dst) ?? []).map(formatCidr);
}

/** Of the links that lead everywhere; IPv6 takes no packet that must not be 1280 bytes. */
function narrowestWayOut(all: Routes, addresses: readonly LinkAddress[]): number {
  const ways = all.filter(({ dst, type }) => dst === "default" && type === undefined).map(({ dev }) => dev);
  const widths = addresses.filter(({ link }) => ways.includes(link)).map(({ mtuBytes }) => mtuBytes);
  return Math.max(IPV6_MTU_BYTES, Math.min(ETHERNET_MTU_BYTES, ...widths));
}

function taken(all: Routes): readonly Cidr[] {
  return all
    .filter(({ dev = "", type }) => !isOfBuilds(dev) && type !== "broadcast" && type !== "multicast")
    .flatMap(({ dst }) => parseCidr(dst) ?? []);
}

async function ipRoutes(signal: AbortSignal): Promise<Routes> {
  return routesOf(await runTool("ip", ["-json", "route", "show", "table", "all"], signal));
}

async function resolvConf(file: string): Promise<ResolvConf | undefined> {
  try {
    return parseResolvConf(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}
