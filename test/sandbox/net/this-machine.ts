import { readdir, readFile } from "node:fs/promises";
import { run } from "../../../sandbox/net/command.ts";

/** Everything of this machine's network that a careless test could change, as text: links, addresses, routes, rules, nftables, names, resolver. */
export async function thisMachine(): Promise<Readonly<Record<string, string>>> {
  const ip = (...args: readonly string[]): Promise<string> => run("ip", args);
  return {
    links: await ip("-oneline", "link"),
    // Without the rest of their lifetimes.
    addresses: (await ip("-oneline", "address")).replaceAll(/\d+sec/g, "… sec"),
    routes4: await ip("-4", "route", "show", "table", "all"),
    routes6: (await ip("-6", "route", "show", "table", "all")).replaceAll(/\d+sec/g, "… sec"),
    rules4: await ip("-4", "rule"),
    rules6: await ip("-6", "rule"),
    nftables: await run("nft", ["list", "ruleset"]),
    namespaces: (await readdir("/run/netns").catch(() => [])).join("\n"),
    forwarding: await forwarding(),
    resolver: await readFile("/etc/resolv.conf", "utf8"),
  };
}

async function forwarding(): Promise<string> {
  const paths = ["ipv4/ip_forward", "ipv6/conf/all/forwarding"].map((path) => `/proc/sys/net/${path}`);
  return (await Promise.all(paths.map((path) => readFile(path, "utf8")))).join("");
}
