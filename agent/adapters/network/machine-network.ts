import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type Cidr, formatCidr, parseCidr } from "../../core/network/cidr.ts";
import { BRIDGE, type MachineNetwork, TAILNET } from "../../core/network/plan.ts";
import { parseResolvConf, type ResolvConf } from "../../core/network/resolvers.ts";
import { runTool } from "./run-tool.ts";

/** As systemd-resolved tells whom its stub asks (systemd-resolved.service(8)). */
const UPSTREAM_FILE = "/run/systemd/resolve/resolv.conf";

/** One address of an interface. */
export interface LinkAddress {
  readonly link: string;
  readonly address: string;
  readonly prefix: number;
  /** "global", "link", "host", "site". */
  readonly scope: string;
}

const LinksSchema = z.array(
  z.object({
    ifname: z.string().optional(),
    addr_info: z
      .array(z.object({ local: z.string().optional(), prefixlen: z.number().optional(), scope: z.string().optional() }))
      .optional(),
  }),
);

const RoutesSchema = z.array(z.object({ dst: z.string(), dev: z.string().optional(), type: z.string().optional() }));

/** Every address that this machine has. */
export async function linkAddresses(signal: AbortSignal): Promise<readonly LinkAddress[]> {
  const links = LinksSchema.parse(JSON.parse(await runTool("ip", ["-json", "address", "show"], signal)));
  return links.flatMap(({ ifname: link = "", addr_info: addresses = [] }) =>
    addresses.flatMap(({ local: address, prefixlen: prefix, scope = "global" }) =>
      address === undefined || prefix === undefined ? [] : [{ link, address, prefix, scope }],
    ),
  );
}

/** Every address, and the machine around the builds' bridge, as they are now. */
export async function machineNetwork(
  signal: AbortSignal,
): Promise<{ readonly addresses: readonly LinkAddress[]; readonly machine: MachineNetwork }> {
  const [addresses, routed] = await Promise.all([linkAddresses(signal), routes(signal)]);
  const others = addresses.filter(({ link }) => link !== BRIDGE);
  const had = others.flatMap(({ address, prefix }) => parseCidr(`${address}/${prefix}`) ?? []);
  const machine = {
    taken: [...had, ...routed],
    addresses: others.map(({ address }) => address),
    resolvConf: (await resolvConf("/etc/resolv.conf")) ?? parseResolvConf(""),
    upstream: await resolvConf(UPSTREAM_FILE),
  };
  return { addresses, machine };
}

/** What leads into the tailnet, as CIDRs. */
export async function tailnetRoutes(signal: AbortSignal): Promise<readonly string[]> {
  const found = (await ipRoutes(signal)).filter(({ dev, type }) => dev === TAILNET && type === undefined);
  return found.flatMap(({ dst }) => parseCidr(dst) ?? []).map(formatCidr);
}

async function routes(signal: AbortSignal): Promise<readonly Cidr[]> {
  return (await ipRoutes(signal))
    .filter(({ dev, type }) => dev !== BRIDGE && type !== "broadcast" && type !== "multicast")
    .flatMap(({ dst }) => parseCidr(dst) ?? []);
}

async function ipRoutes(signal: AbortSignal): Promise<z.infer<typeof RoutesSchema>> {
  return RoutesSchema.parse(JSON.parse(await runTool("ip", ["-json", "route", "show", "table", "all"], signal)));
}

async function resolvConf(file: string): Promise<ResolvConf | undefined> {
  try {
    return parseResolvConf(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}
